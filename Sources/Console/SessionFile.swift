// A conversation on disk: JSON, one message a line, tied to the model it was held with. It is read as
// untrusted input, so that a damaged or foreign file is refused with its place and never half taken up.
import Text

/// Why a session file was refused.
public enum SessionError: Error, Equatable, CustomStringConvertible {
  /// The file could not be read or written; the sentence says why.
  case file(String)
  /// It is no JSON.
  case malformedJSON(path: String, JSONError)
  /// The value at `place`, such as "messages[3].role", is not what must be there.
  case malformed(path: String, place: String, expected: String)
  /// It was written by a later version.
  case laterVersion(path: String, version: Int)
  /// It belongs to another model than the one that is loaded.
  case otherModel(path: String, theirs: String, ours: String)

  /// The problem in a sentence, with the file and what to do.
  public var description: String {
    switch self {
    case .file(let sentence): sentence
    case .malformedJSON(let path, let error): "\(path): not a session file: \(error)"
    case .malformed(let path, let place, let expected):
      "\(path): not a session file: \(place) must be \(expected)"
    case .laterVersion(let path, let version):
      "\(path): a session file of version \(version), which a later hypnos wrote; this one reads version 1"
    case .otherModel(let path, let theirs, let ours):
      "\(path): this conversation was held with \(theirs), and \(ours) is loaded. Load that model, "
        + "or take the conversation up all the same with: /load \(path) --anyway"
    }
  }
}

/// The content of a session file.
struct SessionFile: Equatable {
  /// An adapter the conversation was held with.
  struct KeptAdapter: Equatable {
    var path: String
    var scale: Float
  }

  /// The name of the model.
  var modelName: String
  /// The model's `ModelDescription.fingerprint`.
  var fingerprint: String
  /// The settings by name, as `/set` takes them.
  var settings: OrderedFields<String> = [:]
  /// The adapters in use; nil in files from before there were any.
  var adapters: [KeptAdapter]?
  var conversation: Conversation

  /// The largest file that is taken, in bytes.
  static let sizeLimit = 64 << 20

  /// Reads the file at `path`.
  init(at path: String) throws(SessionError) {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try TextFile.bytes(at: path, limit: SessionFile.sizeLimit)
    } catch {
      throw .file("\(error)")
    }
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONValue(parsing: bytes)
    } catch {
      throw .malformedJSON(path: path, error)
    }
    try self.init(document, path: path)
  }

  init(
    modelName: String, fingerprint: String, settings: OrderedFields<String>, adapters: [KeptAdapter]? = nil,
    conversation: Conversation
  ) {
    self.modelName = modelName
    self.fingerprint = fingerprint
    self.settings = settings
    self.adapters = adapters
    self.conversation = conversation
  }

  /// Writes the file to `path`, all or nothing.
  func write(to path: String) throws(SessionError) {
    do throws(FileError) {
      try TextFile.replace(path, with: text)
    } catch {
      throw .file("\(error)")
    }
  }
}

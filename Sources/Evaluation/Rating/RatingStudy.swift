// A study in which people rate answers without knowing whose they are: which items, in which order, and behind which
// number each model stands. The key, which alone tells the models, is a file of its own.
import Common
import Crypto
import Text

/// An item and the answers to it, in the order they are shown in.
public struct RatedItem: Sendable, Equatable {
  /// What the sheets call it.
  public let code: String
  /// Its id in the answers' files.
  public let id: String
  /// What was asked; empty where it is not known.
  public let question: String
  /// The numbers of the models in the order of their answers.
  public let order: [Int]
}

/// A study.
public struct RatingStudy: Sendable {
  static let kind = "hypnos rating key"

  /// What tells it from other studies; every row of a sheet bears it.
  public let study: String
  /// The models.
  public let models: [String]
  /// The items in the order they are shown in.
  public let items: [RatedItem]
  /// The language of the sheets.
  public let language: JudgedLanguage

  /// A study of the answers in `files`, one for each of `models`, shuffled by `seed`. Only items that all have
  /// answered are in it; `questions` are known by their ids. Throws where there is none.
  public init(
    _ files: [AnswerFile], models: [String], questions: [String: String], seed: UInt64, limit: Int? = nil
  ) throws(TaskProblem) {
    let ids = files[0].ids.filter { id in files.allSatisfy { $0.answers[id] != nil } }
    guard !ids.isEmpty else {
      throw TaskProblem(
        path: files.dropFirst().first?.path ?? files[0].path, line: nil,
        reason: .refused("has no item in common with \(files[0].path)"))
    }
    var random = SplitMix64(seed: seed)
    let shuffled = Array(random.shuffled(ids).prefix(limit ?? ids.count))
    let width = String(shuffled.count).count
    items = shuffled.enumerated().map { place, id in
      let number = String(place + 1)
      let code = "Q" + String(repeating: "0", count: width - number.count) + number
      return RatedItem(
        code: code, id: id, question: questions[id] ?? files.lazy.compactMap { $0.questions[id] }.first ?? "",
        order: random.shuffled(Array(models.indices)))
    }
    self.models = models
    let all = items.flatMap { item in [item.id] + files.map { $0.answers[item.id]?.text ?? "" } }
    language = JudgedLanguage(of: all.joined(separator: "\n"))
    let digest = SHA256.hash(data: Array(("\(seed)\n" + all.joined(separator: "\u{0}")).utf8))
    study = digest.prefix(8).hexadecimal
  }

  /// Writes the key to `path`, readable by its owner alone.
  public func write(to path: String) throws(WritingError) {
    let items = items.map { item -> JSONValue in
      [
        "code": .string(item.code), "id": .string(item.id), "question": .string(item.question),
        "order": .array(item.order.map { .integer($0) }),
      ]
    }
    let json: JSONValue = [
      "kind": .string(RatingStudy.kind), "study": .string(study), "language": .string(language.rawValue),
      "models": .array(models.map { .string($0) }), "items": .array(items),
    ]
    try OwnerFile.write(json.encoded + "\n", to: path)
  }

  /// Reads the key at `path`.
  public init(key path: String) throws(TaskProblem) {
    do throws(TaskProblem.Reason) {
      let bytes = try RecordReader.content(of: path)
      let value: JSONValue
      do throws(JSONError) { value = try JSONValue(parsing: bytes) } catch { throw .malformed("not JSON: \(error)") }
      guard value["kind"]?.string == RatingStudy.kind, let study = value["study"]?.string,
        let models = value["models"]?.array?.compactMap(\.string), models.count >= 2,
        let language = value["language"]?.string.flatMap(JudgedLanguage.init(rawValue:)),
        let entries = value["items"]?.array
      else { throw .malformed("no key of hypnos eval rate") }
      var items: [RatedItem] = []
      for (index, entry) in entries.enumerated() {
        guard let code = entry["code"]?.string, let id = entry["id"]?.string, let question = entry["question"]?.string,
          let order = entry["order"]?.array?.compactMap(\.integer), order.sorted() == Array(models.indices)
        else { throw .malformed("item \(index + 1) of the key is broken") }
        items.append(RatedItem(code: code, id: id, question: question, order: order))
      }
      (self.study, self.models, self.items, self.language) = (study, models, items, language)
    } catch {
      throw TaskProblem(path: path, line: nil, reason: error)
    }
  }
}

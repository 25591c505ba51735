// Where results go: never over what they are made from, and not where nothing can be written.
import Common
import Glibc
import Model

/// A file or folder that a command reads or writes, known by what it is rather than by how it is spelled.
struct OutputPlace: Equatable {
  private let identity: FileIdentity
  /// Its name, where only the folder is there yet.
  private let name: String?

  private init?(_ path: String) {
    if let identity = FileIdentity(path) {
      (self.identity, name) = (identity, nil)
    } else if let folder = FileIdentity(OutputPlace.folder(of: path)) {
      (identity, name) = (folder, path.lastPathComponent)
    } else {
      return nil
    }
  }

  /// Refuses `outputs` that are devices or pipes, one another, or one of the `inputs`, whatever was said about replacing.
  static func check(_ outputs: [String], inputs: [(path: String, what: String)]) throws(Failure) {
    for (index, output) in outputs.enumerated() {
      var status = stat()
      if stat(output, &status) == 0, ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) {
        throw Failure("\(output): is a device or a pipe, which would be lost; name a file")
      }
      guard let place = OutputPlace(output) else { continue }
      if let input = inputs.first(where: { OutputPlace($0.path) == place }) {
        throw Failure("\(output): is \(input.what), which would be lost; give the output another name")
      }
      if outputs[..<index].contains(where: { OutputPlace($0) == place }) {
        throw Failure("\(output): named for two outputs, of which one would be lost; give each its own name")
      }
    }
  }

  /// Refuses `files` to be written that are folders, devices or pipes, lie in folders that cannot be written to, are one
  /// another, or are what the run is made from: `inputs`, and what `adapters`, as an option names them, and `template`
  /// lead to. Before hours of work, of which nothing would be left.
  static func check(
    files: [String?], inputs: [(path: String, what: String)], adapters: [String] = [], template: String? = nil
  ) throws(Failure) {
    let files = files.compactMap(\.self)
    for file in files {
      try checkIsNoFolder(file)
      try checkFolder(of: file)
    }
    let paths = adapters.compactMap { try? AdapterArgument($0).path }
    let others = paths.flatMap(Adapter.paths).map { (path: $0, what: "an adapter in use") }
    try check(files, inputs: inputs + others + (template.map { [(path: $0, what: "the template")] } ?? []))
  }

  /// Refuses the output `path`, which is to be a file, where a folder is.
  static func checkIsNoFolder(_ path: String) throws(Failure) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
    throw Failure("\(path): is a folder; give a file another name")
  }

  /// Refuses an output whose folder is not there or cannot be written to; but for `made`, a folder that is still to be
  /// made.
  static func checkFolder(of path: String, made: String? = nil) throws(Failure) {
    let folder = folder(of: path)
    guard folder != made else { return }
    guard access(folder, W_OK | X_OK) != 0 else { return }
    throw Failure("\(path): cannot be written to the folder \(folder): \(String(cString: strerror(errno)))")
  }

  private static func folder(of path: String) -> String {
    var path = path[...]
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

// Finding the files of the training data: those that were named, and all in the folders that were, in an order that
// does not depend on the file system.
import Common
import Glibc

package enum DataFolder {
  /// The files at `paths`, folders taken with all below them, sorted by name within each folder. Hidden entries of
  /// folders are left out. Each file comes once, however many names or links lead to it, so links may run in circles.
  /// What is at `leftOut` is not looked at in folders. Throws `unreadable` for what cannot be looked at,
  /// `name` for what cannot be named.
  package static func files(at paths: [String], leaving leftOut: [String] = []) throws(DataError) -> [String] {
    var files: [String] = []
    var visited: Set<FileIdentity> = []
    // What is named is looked at, by whatever name it is left out.
    visited.formUnion(leftOut.compactMap(FileIdentity.init))
    visited.subtract(paths.compactMap(FileIdentity.init))
    // A stack of what is still to visit, the next one last: folders may be nested deeper than calls.
    var waiting = Array(paths.reversed())
    let named = Set(paths)
    while let path = waiting.popLast() {
      var status = stat()
      guard stat(path, &status) == 0 else {
        // A dangling link inside a folder is nobody's wish.
        if errno == ENOENT && !named.contains(path) { continue }
        throw .unreadable(path: path, code: errno)
      }
      guard visited.insert(FileIdentity(status)).inserted else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        waiting += try entries(of: path).reversed()
      } else if status.st_mode & S_IFMT == S_IFREG || named.contains(path) {
        files.append(path)
      }
    }
    return files
  }

  /// The paths of the visible entries of `folder`, sorted by their bytes.
  private static func entries(of folder: String) throws(DataError) -> [String] {
    let prefix = folder.hasSuffix("/") ? folder : folder + "/"
    let pattern = prefix.escaped { "*?[]\\".unicodeScalars.contains($0) ? "\\\($0)" : nil } + "*"
    var matches = glob_t()
    defer { globfree(&matches) }
    switch glob(pattern, GLOB_ERR | GLOB_NOSORT, nil, &matches) {
    case 0: break
    case GLOB_NOMATCH: return []
    default: throw .unreadable(path: folder, code: errno == 0 ? EIO : errno)
    }
    var paths: [String] = []
    for index in 0..<Int(matches.gl_pathc) {
      guard let match = matches.gl_pathv[index] else { continue }
      guard let path = String(validatingCString: match) else { throw .name(path: String(cString: match)) }
      paths.append(path)
    }
    return paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}

// The names in a folder. It stands beside MappedFile because the system hands names over as pointers.
import Glibc

/// Listing folders.
public enum FolderListing {
  /// The names of at most `limit` entries of the folder at `path`, sorted; nil, with `errno` set, when it cannot be
  /// read.
  public static func names(at path: String, limit: Int) -> [String]? {
    guard let folder = opendir(path) else { return nil }
    defer { closedir(folder) }
    let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
    var names: [String] = []
    while names.count < limit, let entry = readdir(folder) {
      let name = UnsafeRawPointer(entry) + nameOffset
      names.append(String(cString: name.assumingMemoryBound(to: CChar.self)))
    }
    return names.sorted()
  }
}

// What a file or folder is, whatever the names and links that lead to it.
import Glibc

/// What tells files apart.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let node: UInt64

  /// Of the file whose `status` was taken.
  package init(_ status: stat) { (device, node) = (UInt64(status.st_dev), UInt64(status.st_ino)) }

  /// Of what is at `path`, links followed; nil where nothing is.
  package init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }
}

// Telling apart checkpoints that differ in their weights alone, such as two trainings of one model.
import Common
import Crypto
import GGUF

extension Checkpoint {
  /// Bytes of each tensor that `contentFingerprint` reads.
  private static let sampleLength = 1024

  /// SHA-256 over `fingerprint` and up to a kilobyte from the middle of every tensor, in hexadecimal digits. What is
  /// computed from the weights, such as a KV cache, is kept under it: another training changes every tensor in most
  /// of its bytes, while the header can stay the same.
  public var contentFingerprint: String {
    var hash = SHA256()
    hash.update(data: Array(fingerprint.utf8))
    for tensor in file.tensors {
      let length = min(tensor.byteCount, Checkpoint.sampleLength)
      let start = tensor.offset + (tensor.byteCount - length) / 2
      hash.update(data: file.files[tensor.fileIndex].bytes(at: start, length: length) ?? [])
    }
    return hash.finalize().hexadecimal
  }

  /// The size of each file and when it was last changed, as they were when it was opened. What must not outlive a change
  /// that `contentFingerprint` does not look at, such as one of single rows or a damaged copy, is kept under both.
  public var fileTimes: String {
    file.files.map { " \($0.count) \($0.changed.seconds).\($0.changed.nanoseconds)" }.joined()
  }
}

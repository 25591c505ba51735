// What the system says of the machine and of this process, from the kernel's text files.
import Compute
import Glibc

/// This machine and this moment, for whoever reads a table later.
enum Machine {
  /// Processor, cores and memory.
  static var description: String {
    let processor = KernelText("/proc/cpuinfo")["model name"] ?? "an unnamed processor"
    let cores = Processors.physicalCores
    let memory = KernelText("/proc/meminfo").bytes("MemTotal").map { ", \(($0 + (1 << 29)) >> 30) GiB" } ?? ""
    return "\(processor), \(cores) \(cores == 1 ? "core" : "cores")\(memory)"
  }

  /// Today as year-month-day.
  static var date: String {
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
  }
}

/// A file of lines "name: value", as /proc has them.
struct KernelText {
  private let lines: [Substring]

  /// The beginning of the file at `path`, at most 64 KiB; empty when it cannot be read.
  init(_ path: String) {
    var bytes: [UInt8] = []
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    var piece = [UInt8](repeating: 0, count: 4096)
    while descriptor >= 0, bytes.count < 1 << 16 {
      let count = read(descriptor, &piece, piece.count)
      guard count > 0 else { break }
      bytes += piece[..<count]
    }
    lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
  }

  /// The value of the first line called `name`.
  subscript(name: String) -> String? {
    for line in lines {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].trimmingSpaces == name else { continue }
      return parts[1].trimmingSpaces
    }
    return nil
  }

  /// A value that is given in kB, in bytes.
  func bytes(_ name: String) -> Int? {
    let words = self[name]?.split(separator: " ") ?? []
    guard words.count == 2, words[1] == "kB", let count = Int(words[0]), count < 1 << 50 else { return nil }
    return count * 1024
  }
}

extension Substring {
  /// Without spaces and tabs at both ends.
  fileprivate var trimmingSpaces: String {
    var rest = self[...]
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return String(rest.drop(while: \.isWhitespace))
  }
}

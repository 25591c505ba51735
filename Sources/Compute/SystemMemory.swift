// How much memory may be used for what only makes things faster.
import Glibc

/// The memory of this machine, or of the container that the program runs in.
public enum SystemMemory {
  /// Bytes there are; `Int.max` when the system does not say.
  public static var total: Int {
    let bytes = sysconf(Int32(_SC_PHYS_PAGES)).multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE)))
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].map(SystemFile.firstLine)
    return total(physical: bytes.overflow || bytes.partialValue <= 0 ? .max : bytes.partialValue, limits: limits)
  }

  /// Bytes that the system can give without taking them from others; in a container at most its limit, whatever of that
  /// is in use.
  public static var available: Int { available(of: total, status: SystemFile.lines("/proc/meminfo")) }

  /// The least of `physical` bytes and those of a container's `limits` that are numbers.
  static func total(physical: Int, limits: [String?]) -> Int {
    limits.reduce(physical) { least, limit in
      guard let limit, let bytes = Int(limit), bytes > 0 else { return least }
      return min(least, bytes)
    }
  }

  /// The bytes that `status`, lines like those of `/proc/meminfo`, says are available; at most `total`.
  static func available(of total: Int, status: [String]) -> Int {
    for line in status where line.hasPrefix("MemAvailable:") {
      let fields = line.split(separator: " ")
      guard fields.count > 1, let kibibytes = Int(fields[1]), kibibytes >= 0 else { break }
      let bytes = kibibytes.multipliedReportingOverflow(by: 1024)
      return bytes.overflow ? total : min(total, bytes.partialValue)
    }
    return total
  }
}

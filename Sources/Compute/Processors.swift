// How many threads pay: one a physical core, since two threads of one core share its vector units. Only what this process
// may use counts: a container or `taskset` can leave it a part of the machine.
import Glibc

/// The processors that this process may run on.
public enum Processors {
  /// Their number, two for a core that runs two threads.
  public static var logical: Int { numbers.count }

  /// Their physical cores, by the system's topology files, or the logical processors where there are none.
  public static var physicalCores: Int {
    var cores: Set<String> = []
    for number in numbers {
      let folder = "/sys/devices/system/cpu/cpu\(number)/topology/"
      guard let siblings = SystemFile.firstLine(folder + "thread_siblings_list") else { return logical }
      cores.insert(siblings)
    }
    return cores.count
  }

  /// The system's numbers of them; of all that are online where it does not say which may be used.
  private static var numbers: [Int] {
    let key = "Cpus_allowed_list:"
    let line = SystemFile.lines("/proc/self/status").first { $0.hasPrefix(key) }
    let allowed = line.map { numbers(inList: String($0.dropFirst(key.count))) } ?? []
    return allowed.isEmpty ? Array(0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) : allowed
  }

  /// The numbers in a list as the system writes it, such as `0-3,8`; none of one that is no such list.
  static func numbers(inList list: String) -> [Int] {
    let most = 1 << 16
    var numbers: [Int] = []
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
        Int($0.trimmingPrefix { $0.isWhitespace })
      }
      guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, last < most
      else {
        return []
      }
      numbers += first...last
    }
    return numbers
  }
}

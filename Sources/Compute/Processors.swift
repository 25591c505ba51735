// How many threads pay: one a physical core, since two threads of one core share its vector units.
import Glibc

/// The processors of this machine.
public enum Processors {
  /// Logical processors that are online.
  public static var online: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Physical cores, from the system's topology files, or the logical processors where there are none.
  public static var physicalCores: Int {
    var cores: Set<String> = []
    for index in 0..<online {
      let folder = "/sys/devices/system/cpu/cpu\(index)/topology/"
      guard let siblings = SystemFile.firstLine(folder + "thread_siblings_list") else { return online }
      cores.insert(siblings)
    }
    return max(1, cores.count)
  }
}

// The table of inner loops in use: the best one the processor runs, or the one asked for by name.
import CKernels

/// A set of kernels was asked for that this processor does not run.
public struct UnknownKernelSet: Error, CustomStringConvertible, Sendable {
  /// The name asked for.
  public let name: String
  /// The names there are, best first.
  public let available: [String]
  /// What happened and what to do.
  public var description: String {
    "there are no kernels named \"\(name)\" for this processor; HYPNOS_CPU can be "
      + available.joined(separator: ", ")
  }
}

/// The inner loops compiled for one instruction set. All sets give the same bits.
public struct KernelSet: Sendable {
  nonisolated(unsafe) let table: UnsafePointer<hypnos_kernels>

  /// Its name: `scalar`, `avx2` or `avx512vnni`.
  public var name: String { String(cString: table.pointee.name) }

  /// The sets this processor and operating system run, best first.
  public static let available: [KernelSet] = {
    var sets: [KernelSet] = []
    while let table = hypnos_available_kernels(sets.count) { sets.append(KernelSet(table: table)) }
    return sets
  }()

  /// The best set, or the one called `name`.
  public static func named(_ name: String?) throws(UnknownKernelSet) -> KernelSet {
    let sets = available
    guard let name, !name.isEmpty else { return sets[0] }
    if let set = sets.first(where: { $0.name == name }) { return set }
    throw UnknownKernelSet(name: name, available: sets.map(\.name))
  }
}

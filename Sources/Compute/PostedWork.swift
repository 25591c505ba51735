// What the threads of a pool have in common in memory. Two things on one cache line make those who change the one and
// those who wait for the other wait for each other, and what is on two lines takes twice as long to reach another thread.
import Synchronization

/// Bytes between what must not share a cache line: processors fetch lines in pairs.
private let spacing = 128

/// A piece of work as threads find it: on one cache line, which only the pool's caller writes.
struct PostedWork: ~Copyable {
  /// Changes when there is work.
  let epoch = Atomic<Int>(0)
  /// In how many parts the items lie, one behind the other: one for each thread, or a single one. A late thread reads
  /// it before it has taken anything, while the caller may be posting something else, and then only looks elsewhere.
  let partCount = Atomic<Int>(1)
  /// This and what follows is read by threads that have taken an item.
  var itemCount = 0
  var takesAhead = false
  var body: ((_ item: Int, _ next: Int?, _ thread: Int) -> Void)?

  /// None yet, on a line of its own.
  static func allocate() -> UnsafeMutablePointer<PostedWork> {
    precondition(MemoryLayout<PostedWork>.size <= 64, "one cache line")
    let memory = UnsafeMutableRawPointer.allocate(byteCount: spacing, alignment: spacing)
    let work = memory.bindMemory(to: PostedWork.self, capacity: 1)
    work.initialize(to: PostedWork())
    return work
  }

  /// Gives back what `allocate` made.
  static func deallocate(_ work: UnsafeMutablePointer<PostedWork>) {
    work.deinitialize(count: 1)
    UnsafeMutableRawPointer(work).deallocate()
  }
}

/// Atomic numbers, zero at first, each on a line of its own. Whoever made them gives their memory back.
struct SpacedAtomics: @unchecked Sendable {
  private let memory: UnsafeMutableRawPointer
  private let count: Int

  init(count: Int) {
    memory = .allocate(byteCount: count * spacing, alignment: spacing)
    self.count = count
    for index in 0..<count {
      (memory + index * spacing).bindMemory(to: Atomic<Int>.self, capacity: 1).initialize(to: Atomic(0))
    }
  }

  /// Number `index`.
  subscript(index: Int) -> UnsafeMutablePointer<Atomic<Int>> {
    precondition(index >= 0 && index < count, "a number there is")
    return (memory + index * spacing).assumingMemoryBound(to: Atomic<Int>.self)
  }

  /// Gives the memory back.
  func deallocate() { memory.deallocate() }
}

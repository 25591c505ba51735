// Threads that live as long as the program and share out the items of one piece of work at a time. Between
// pieces they spin for a moment, because the next one is usually microseconds away, and then sleep.
import CKernels
import Glibc
import Synchronization

/// A fixed number of threads, the caller's among them, that run the items of a loop.
///
/// Which thread runs which item is left to chance, and a thread may miss a whole run: results must not depend on it.
public final class WorkerPool: @unchecked Sendable {
  /// The number of threads, the caller's included.
  public let threads: Int

  private let posted: UnsafeMutablePointer<PostedWork>
  /// Numbers that several threads change: how many items are done, how many threads sleep, and for each part of the
  /// items how many nobody has taken yet, at or below zero when there are none. A run ends only when all its items were
  /// taken, so between runs all are at or below zero.
  private let numbers: SpacedAtomics
  private var done: UnsafeMutablePointer<Atomic<Int>> { numbers[0] }
  private var sleeping: UnsafeMutablePointer<Atomic<Int>> { numbers[1] }
  private func untaken(_ part: Int) -> UnsafeMutablePointer<Atomic<Int>> { numbers[2 + part] }
  private let stopping = Atomic<Bool>(false)
  /// What threads fetch while they wait: its address and bytes. Never read, so that a mix of two is harmless.
  private let awaitedStart = Atomic<Int>(0)
  private let awaitedBytes = Atomic<Int>(0)
  /// Half of a small second-level cache: more would push out what came first.
  private static let mostFetched = 512 << 10
  private let spins: Int
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wakeUp = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var handles: [pthread_t] = []

  /// Starts `threads - 1` threads beside the caller's.
  public init(threads: Int) {
    self.threads = min(max(threads, 1), 256)
    posted = PostedWork.allocate()
    numbers = SpacedAtomics(count: 2 + self.threads)
    // Spinning pays only when every thread has a core to itself.
    spins = self.threads <= Processors.logical ? 2_000 : 0
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wakeUp, nil)
    for index in 1..<max(self.threads, 2) where index < self.threads { start(index) }
  }

  /// Ends the threads; they hold no reference to the pool that would keep it alive.
  deinit {
    stopping.store(true, ordering: .sequentiallyConsistent)
    posted.pointee.epoch.wrappingAdd(1, ordering: .sequentiallyConsistent)
    wake()
    for handle in handles { pthread_join(handle, nil) }
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(wakeUp)
    mutex.deallocate()
    wakeUp.deallocate()
    numbers.deallocate()
    PostedWork.deallocate(posted)
  }

  /// Calls `body(item, thread)` for every item in `0..<count`, on all threads, and returns when all are done. Items
  /// are taken in their order, so one may wait for those before it, but not for other threads to come.
  public func run(_ count: Int, _ body: (_ item: Int, _ thread: Int) -> Void) {
    run(count, parts: 1, takesAhead: false) { item, _, thread in body(item, thread) }
  }

  /// The same, but each thread begins with a part of the items that is its own, the same in every run of as many, and
  /// then takes what others have left. What it wrote for an item in one run is in its own cache when it reads it in the
  /// next. Items must not wait for one another.
  func runInParts(_ count: Int, _ body: (_ item: Int) -> Void) {
    run(count, parts: min(threads, count), takesAhead: false) { item, _, _ in body(item) }
  }

  /// Like `run` for small items that can be prepared for: a thread takes its next item, which `body` is told, before it
  /// runs the one it has; nil when it knows of none. With `inParts` like `runInParts`.
  func runAhead(_ count: Int, inParts: Bool = false, _ body: (_ item: Int, _ next: Int?, _ thread: Int) -> Void) {
    run(count, parts: inParts ? min(threads, count) : 1, takesAhead: true, body)
  }

  /// Sets what threads that wait for work fetch meanwhile: `byteCount` bytes from `start` on, which will be wanted soon.
  func fetch(_ start: UnsafeRawPointer?, byteCount: Int) {
    awaitedStart.store(Int(bitPattern: start), ordering: .relaxed)
    awaitedBytes.store(min(byteCount, WorkerPool.mostFetched), ordering: .relaxed)
  }

  private func run(
    _ count: Int, parts: Int, takesAhead: Bool, _ body: (_ item: Int, _ next: Int?, _ thread: Int) -> Void
  ) {
    guard threads > 1, count > 1 else {
      for item in 0..<max(count, 0) { body(item, item + 1 < count ? item + 1 : nil, 0) }
      return
    }
    withoutActuallyEscaping(body) { escaping in
      let taken = post(count, parts: parts, takesAhead: takesAhead, escaping)
      let mine = runItems(from: 0, ahead: taken > 1 ? 1 : nil, thread: 0)
      done.pointee.wrappingAdd(mine, ordering: .releasing)
      var waited = 0
      while done.pointee.load(ordering: .acquiring) < count {
        waited += 1
        if waited < spins { hypnos_pause() } else { sched_yield() }
      }
      posted.pointee.body = nil
    }
  }

  /// Lets the threads know of work, and returns how many of its items the caller has, the first ones, so that it can
  /// begin before its writes have reached anyone.
  private func post(
    _ count: Int, parts: Int, takesAhead: Bool, _ body: @escaping (_ item: Int, _ next: Int?, _ thread: Int) -> Void
  ) -> Int {
    posted.pointee.body = body
    posted.pointee.itemCount = count
    posted.pointee.takesAhead = takesAhead
    posted.pointee.partCount.store(parts, ordering: .relaxed)
    done.pointee.store(0, ordering: .relaxed)
    let taken = min(takesAhead && count > 2 ? 2 : 1, items(of: 0).count)
    for part in 0..<parts {
      untaken(part).pointee.store(items(of: part).count - (part == 0 ? taken : 0), ordering: .releasing)
    }
    let epoch = posted.pointee.epoch.load(ordering: .relaxed)
    posted.pointee.epoch.store(epoch + 1, ordering: .releasing)
    wakeSleepers()
    return taken
  }

  /// Wakes threads that are seen to sleep. One that falls asleep this very moment is not.
  private func wakeSleepers() {
    if sleeping.pointee.load(ordering: .relaxed) > 0 { wake() }
  }

  /// What `body` makes of every item in `0..<count`, in the items' order.
  public func map<Value: Sendable>(_ count: Int, _ body: (_ item: Int) -> Value) -> [Value] {
    Array(unsafeUninitializedCapacity: count) { buffer, initialized in
      nonisolated(unsafe) let places = buffer
      run(count) { item, _ in (places.baseAddress! + item).initialize(to: body(item)) }
      initialized = count
    }
  }

  private func wake() {
    pthread_mutex_lock(mutex)
    pthread_cond_broadcast(wakeUp)
    pthread_mutex_unlock(mutex)
  }

  /// The items of one part; the first, which is the caller's, is never empty.
  private func items(of part: Int) -> Range<Int> {
    let (count, parts) = (posted.pointee.itemCount, posted.pointee.partCount.load(ordering: .relaxed))
    func start(_ part: Int) -> Int { (count * part + parts - 1) / parts }
    return start(part)..<start(part + 1)
  }

  /// The next item of the thread's part, or of another's when that is done.
  private func takeItem(_ thread: Int) -> Int? {
    let parts = posted.pointee.partCount.load(ordering: .relaxed)
    if let item = takeItem(ofPart: thread % parts) { return item }
    for distance in 1..<parts {
      let other = (thread + distance) % parts
      if untaken(other).pointee.load(ordering: .relaxed) > 0, let item = takeItem(ofPart: other) { return item }
    }
    return nil
  }

  /// Whoever has taken an item may read what is posted: it stands until all are done. A thread that comes late, and may
  /// know another number of parts, finds nothing to take, or an item of the next work, which is as good as any other's.
  private func takeItem(ofPart part: Int) -> Int? {
    let left = untaken(part).pointee.wrappingSubtract(1, ordering: .acquiringAndReleasing).oldValue
    return left > 0 ? items(of: part).upperBound - left : nil
  }

  /// Takes items until none is left.
  private func takeItems(thread: Int) {
    guard let first = takeItem(thread) else { return }
    let ahead = posted.pointee.takesAhead ? takeItem(thread) : nil
    let count = runItems(from: first, ahead: ahead, thread: thread)
    done.pointee.wrappingAdd(count, ordering: .releasing)
  }

  /// Runs an item that was taken, the one taken ahead of time, and all that can be taken after them; returns how many
  /// that were. The reference to the body is taken once, since several threads that count references to one object wait
  /// for each other, and, since this is never inlined, given back before the items count as done: the body may not
  /// outlive the caller's `run`.
  @inline(never) private func runItems(from first: Int, ahead second: Int?, thread: Int) -> Int {
    guard let body = posted.pointee.body else { preconditionFailure("an item of what is posted") }
    let takesAhead = posted.pointee.takesAhead
    var (item, ahead, count) = (first, second, 0)
    while true {
      body(item, ahead, thread)
      count += 1
      // By now the other threads know of the work, and one that fell asleep before it did is seen.
      if thread == 0, count == 1 { wakeSleepers() }
      guard let next = ahead ?? takeItem(thread) else { return count }
      item = next
      ahead = takesAhead ? takeItem(thread) : nil
    }
  }

  private struct Start {
    let pool: Unmanaged<WorkerPool>
    let index: Int
  }

  private func start(_ index: Int) {
    let start = UnsafeMutablePointer<Start>.allocate(capacity: 1)
    start.initialize(to: Start(pool: Unmanaged.passUnretained(self), index: index))
    var handle = pthread_t()
    let code = pthread_create(&handle, nil, WorkerPool.main, start)
    if code == 0 { handles.append(handle) } else { start.deallocate() }
  }

  private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
    guard let start = argument?.assumingMemoryBound(to: Start.self) else { return nil }
    let pool = start.pointee.pool
    let index = start.pointee.index
    start.deallocate()
    var seen = 0
    // The pool joins this thread before it goes, so the unretained reference is good until the loop ends.
    while pool._withUnsafeGuaranteedRef({ $0.serve(&seen, thread: index) }) {}
    return nil
  }

  /// Waits for the next piece of work and takes part in it; false when the pool is ending.
  private func serve(_ seen: inout Int, thread: Int) -> Bool {
    fetchAwaited(until: seen)
    var waited = 0
    while posted.pointee.epoch.load(ordering: .acquiring) == seen {
      waited += 1
      if waited <= spins { hypnos_pause() } else { sleep(until: seen) }
    }
    seen = posted.pointee.epoch.load(ordering: .acquiring)
    guard !stopping.load(ordering: .acquiring) else { return false }
    takeItems(thread: thread)
    return true
  }

  /// Fetches what is awaited, a line at a time, unless work comes.
  private func fetchAwaited(until seen: Int) {
    let start = awaitedStart.load(ordering: .relaxed)
    for offset in stride(from: 0, to: awaitedBytes.load(ordering: .relaxed), by: 64) {
      guard posted.pointee.epoch.load(ordering: .acquiring) == seen else { return }
      hypnos_fetch(UnsafeRawPointer(bitPattern: start + offset))
    }
  }

  private func sleep(until seen: Int) {
    pthread_mutex_lock(mutex)
    sleeping.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while posted.pointee.epoch.load(ordering: .sequentiallyConsistent) == seen { pthread_cond_wait(wakeUp, mutex) }
    sleeping.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(mutex)
  }
}

// Threads that live as long as the program and share out the items of one piece of work at a time. Between
// pieces they spin for a moment, because the next one is usually microseconds away, and then sleep.
import CKernels
import Glibc
import Synchronization

/// A fixed number of threads, the caller's among them, that run the items of a loop.
///
/// Which thread runs which item is left to chance; items must not depend on it.
public final class WorkerPool: @unchecked Sendable {
  /// The number of threads, the caller's included.
  public let threads: Int

  private let epoch = Atomic<Int>(0)
  /// Items nobody has taken yet; at or below zero when there are none.
  private let untaken = Atomic<Int>(0)
  private let done = Atomic<Int>(0)
  private let sleeping = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  /// What threads fetch while they wait: its address and bytes. Never read, so that a mix of two is harmless.
  private let awaitedStart = Atomic<Int>(0)
  private let awaitedBytes = Atomic<Int>(0)
  /// Half of a small second-level cache: more would push out what came first.
  private static let mostFetched = 512 << 10
  private var itemCount = 0
  private var takesAhead = false
  private var body: ((Int, Int?, Int) -> Void)?
  private let spins: Int
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wakeUp = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var handles: [pthread_t] = []

  /// Starts `threads - 1` threads beside the caller's.
  public init(threads: Int) {
    self.threads = min(max(threads, 1), 256)
    // Spinning pays only when every thread has a core to itself.
    spins = self.threads <= Processors.logical ? 2_000 : 0
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wakeUp, nil)
    for index in 1..<max(self.threads, 2) where index < self.threads { start(index) }
  }

  /// Ends the threads; they hold no reference to the pool that would keep it alive.
  deinit {
    stopping.store(true, ordering: .sequentiallyConsistent)
    wake()
    for handle in handles { pthread_join(handle, nil) }
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(wakeUp)
    mutex.deallocate()
    wakeUp.deallocate()
  }

  /// Calls `body(item, thread)` for every item in `0..<count`, on all threads, and returns when all are done. Items
  /// are taken in their order, so one may wait for those before it.
  public func run(_ count: Int, _ body: (_ item: Int, _ thread: Int) -> Void) {
    run(count, takesAhead: false) { item, _, thread in body(item, thread) }
  }

  /// The same for small items that can be prepared for: a thread takes its next item, which `body` is told, before it
  /// runs the one it has. Nil when there is none.
  func runAhead(_ count: Int, _ body: (_ item: Int, _ next: Int?, _ thread: Int) -> Void) {
    run(count, takesAhead: true, body)
  }

  /// Sets what threads that wait for work fetch meanwhile: `memory`, which will be wanted soon; nil for nothing.
  func fetch(_ memory: FloatMatrix?) {
    awaitedStart.store(memory.map { Int(bitPattern: $0.base) } ?? 0, ordering: .relaxed)
    awaitedBytes.store(min(memory?.byteCount ?? 0, WorkerPool.mostFetched), ordering: .relaxed)
  }

  private func run(_ count: Int, takesAhead: Bool, _ body: (_ item: Int, _ next: Int?, _ thread: Int) -> Void) {
    guard threads > 1, count > 1 else {
      for item in 0..<max(count, 0) { body(item, item + 1 < count ? item + 1 : nil, 0) }
      return
    }
    withoutActuallyEscaping(body) { escaping in
      self.body = escaping
      self.takesAhead = takesAhead
      itemCount = count
      done.store(0, ordering: .relaxed)
      untaken.store(count, ordering: .releasing)
      wake()
      takeItems(thread: 0)
      var waited = 0
      while done.load(ordering: .acquiring) < count {
        waited += 1
        if waited < spins { hypnos_pause() } else { sched_yield() }
      }
      self.body = nil
    }
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
    epoch.wrappingAdd(1, ordering: .sequentiallyConsistent)
    guard sleeping.load(ordering: .sequentiallyConsistent) > 0 else { return }
    pthread_mutex_lock(mutex)
    pthread_cond_broadcast(wakeUp)
    pthread_mutex_unlock(mutex)
  }

  /// Takes items until none is left. Whoever has taken one may read the work's body: it stands until all are done.
  /// A thread that comes late finds nothing to take, and nobody waits for it.
  private func takeItems(thread: Int) {
    guard let first = takeItem() else { return }
    let count = runItems(from: first, thread: thread)
    done.wrappingAdd(count, ordering: .releasing)
  }

  private func takeItem() -> Int? {
    let left = untaken.wrappingSubtract(1, ordering: .acquiringAndReleasing).oldValue
    return left > 0 ? itemCount - left : nil
  }

  /// Runs an item that was taken and all that can be taken after it, and returns how many that were. The reference to
  /// the body is taken once, since several threads that count references to one object wait for each other, and, since
  /// this is never inlined, given back before the items count as done: the body may not outlive the caller's `run`.
  @inline(never) private func runItems(from first: Int, thread: Int) -> Int {
    guard let body else { return 0 }
    var (item, count) = (first, 0)
    while true {
      let ahead = takesAhead ? takeItem() : nil
      body(item, ahead, thread)
      count += 1
      guard let next = ahead ?? takeItem() else { return count }
      item = next
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
    while epoch.load(ordering: .acquiring) == seen {
      waited += 1
      if waited <= spins { hypnos_pause() } else { sleep(until: seen) }
    }
    seen = epoch.load(ordering: .acquiring)
    guard !stopping.load(ordering: .acquiring) else { return false }
    takeItems(thread: thread)
    return true
  }

  /// Fetches what is awaited, a line at a time, unless work comes.
  private func fetchAwaited(until seen: Int) {
    let start = awaitedStart.load(ordering: .relaxed)
    for offset in stride(from: 0, to: awaitedBytes.load(ordering: .relaxed), by: 64) {
      guard epoch.load(ordering: .acquiring) == seen else { return }
      hypnos_fetch(UnsafeRawPointer(bitPattern: start + offset))
    }
  }

  private func sleep(until seen: Int) {
    pthread_mutex_lock(mutex)
    sleeping.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while epoch.load(ordering: .sequentiallyConsistent) == seen { pthread_cond_wait(wakeUp, mutex) }
    sleeping.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(mutex)
  }
}

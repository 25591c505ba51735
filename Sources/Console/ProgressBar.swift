// How far a long prompt has been read, on standard error when that is a terminal; gone without a trace
// when the answer begins. Short waits show nothing.
import CSystem
import Common
import Glibc

/// A bar on one line of the terminal.
struct ProgressBar {
  /// Shorter waits, in seconds, show nothing.
  static let patience = 0.3
  private static let refreshInterval = 0.1

  private let width: () -> Int
  private let send: (String) -> Void
  private let start: ContinuousClock.Instant
  private var shownAt: Double?
  private var shownColumns = 0

  /// A bar for a terminal `width` columns wide that hands its text to `send`, for a wait from `start` on.
  init(start: ContinuousClock.Instant = .now, width: @escaping () -> Int, send: @escaping (String) -> Void) {
    self.start = start
    self.width = width
    self.send = send
  }

  /// A bar on standard error, nil when that is no terminal.
  static func onStandardError() -> ProgressBar? {
    guard isatty(STDERR_FILENO) == 1 else { return nil }
    return ProgressBar(
      width: {
        let columns = Int(hypnos_terminal_columns(STDERR_FILENO))
        return columns > 0 ? columns : 80
      },
      send: { _ = writeAll($0, to: STDERR_FILENO) })
  }

  /// Shows `progress` when the wait is long enough and the last showing long enough ago.
  mutating func show(_ progress: PromptProgress, at now: ContinuousClock.Instant = .now) {
    let elapsed = (now - start) / .seconds(1)
    guard elapsed >= ProgressBar.patience, progress.processed < progress.total else { return }
    if let shownAt, elapsed - shownAt < ProgressBar.refreshInterval { return }
    let line = ProgressBar.line(progress, elapsed: elapsed, width: width())
    let leftOver = String(repeating: " ", count: max(0, shownColumns - columns(of: line)))
    send("\r\(line)\(leftOver)")
    shownAt = elapsed
    shownColumns = columns(of: line)
  }

  /// Takes the bar off the screen; spaces do it on any terminal.
  mutating func erase() {
    guard shownColumns > 0 else { return }
    send("\r\(String(repeating: " ", count: shownColumns))\r")
    shownColumns = 0
  }

  /// The bar's text, at most `width` - 1 columns: counts, a bar where there is room, the time left.
  static func line(_ progress: PromptProgress, elapsed: Double, width: Int) -> String {
    let share = min(1, max(0, Double(progress.processed) / Double(max(1, progress.total))))
    let front = "Reading \(grouped(progress.processed)) of \(grouped(progress.total)) tokens "
    let percent = " \(Int(share * 100))%"
    let left = share > 0 ? ", \(grouped(Int((elapsed / share - elapsed).rounded(.up)))) s left" : ""
    let room = min(40, width - 3 - columns(of: front + percent + left))
    let filled = Int(share * Double(max(0, room)))
    let bar =
      room < 5
      ? "" : "[\(String(repeating: "#", count: filled))\(String(repeating: "-", count: room - filled))]"
    return clipped(front + bar + percent + left, toColumns: max(0, width - 1))
  }
}

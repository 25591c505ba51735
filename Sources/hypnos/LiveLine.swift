// One line about long work on standard error: on a terminal written over and over, elsewhere now and then a line for a
// log. It uses no colour.
import CSystem
import Console
import Glibc

/// Tells how long work goes on.
final class LiveLine {
  /// Seconds between two showings, on a terminal and in a log.
  private static let (refreshInterval, logInterval) = (0.1, 10.0)

  /// Whether it is written over and over.
  let isLive = isatty(STDERR_FILENO) == 1
  private let start = ContinuousClock.now
  private var shownAt: Double?
  private var isShown = false

  /// Seconds since the work began.
  var elapsed: Double { (ContinuousClock.now - start) / .seconds(1) }

  /// Columns there are for it on a terminal.
  var width: Int {
    let columns = Int(hypnos_terminal_columns(STDERR_FILENO))
    return max(20, columns > 0 ? columns : 80) - 1
  }

  /// Shows `text` if the last showing is long enough ago.
  func show(_ text: @autoclosure () -> String) {
    let now = elapsed
    let interval = isLive ? LiveLine.refreshInterval : LiveLine.logInterval
    guard now - (shownAt ?? 0) >= interval else { return }
    shownAt = now
    let line = terminalSafe(text())
    guard isLive else { return Output.complain(line, prefix: "") }
    Output.writeOver(clipped(line, toColumns: width))
    isShown = true
  }

  /// Writes `text` on a line of its own, which stays.
  func say(_ text: String) {
    erase()
    Output.complain(text, prefix: "")
  }

  /// Takes the live line off the screen.
  func erase() {
    guard isShown else { return }
    Output.writeOver(nil)
    isShown = false
  }
}

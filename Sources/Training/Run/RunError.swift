// Why a run's folder cannot be used. A run is worth a night: every case says what is still there and what to do.
import Common
import Glibc

/// What is wrong with a run's folder or with one of its files.
public enum RunError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The system refused `action` ("written", "read"); `code` is its errno.
  case system(path: String, action: String, code: Int32)
  /// Another process is at work in the folder.
  case busy(folder: String)
  /// The folder holds a run, and nobody said that it goes on.
  case alreadyBegun(folder: String)
  /// There is no state to go on from.
  case nothingToResume(folder: String)
  /// None of the states in the folder can be read; why, newest first.
  case allDamaged(folder: String, reasons: [String])
  /// A state's file is no state of this version, or not as it was written.
  case damaged(path: String, reason: String)
  /// The folder's run is another one.
  case otherRun(folder: String, differences: [String])

  /// What happened, where, and what to do.
  public var description: String {
    switch self {
    case .system(let path, let action, let code):
      let advice = code == ENOSPC || code == EDQUOT ? "; free some of the disk, then the run can go on or begin" : ""
      return "\(path): cannot be \(action): \(systemMessage(code))\(advice)"
    case .busy(let folder): return "\(folder): another process is training in this folder; wait for it, or stop it"
    case .alreadyBegun(let folder):
      return "\(folder): holds a run; go on with it with --resume, or throw it away and begin anew with --force"
    case .nothingToResume(let folder): return "\(folder): holds no run to go on with; begin one without --resume"
    case .allDamaged(let folder, let reasons):
      return "\(folder): no state of the run can be read:\n" + reasons.joined(separator: "\n")
        + "\nRestore the folder from a backup, or begin anew with --force"
    case .damaged(let path, let reason): return "\(path): refused: \(reason)"
    case .otherRun(let folder, let differences):
      return "\(folder): is the folder of another run; with the same settings, data and base it can go on:\n"
        + differences.map { "  \($0)" }.joined(separator: "\n")
    }
  }
}

// How far a template may go, and the account of how far it went. Templates come with files from
// anywhere, so each loop turn, nested call and byte of text is paid for from a budget.

/// The bounds of one render.
struct TemplateLimits {
  /// Expressions evaluated and statements executed.
  var steps = 4_000_000
  /// Bytes of text and of values produced or scanned. Rendering long messages costs in proportion to
  /// them, so what the input itself holds is granted on top, `inputFactor` times.
  var work = 256 << 20
  /// How many times each byte of input may be copied or scanned.
  var inputFactor = 256
  /// Bytes of the rendered prompt or of any one string.
  var textLength = 128 << 20
  /// Bodies, expressions and macro calls inside one another while rendering. A level takes up to
  /// 1.2 KiB of stack in a release build (8 KiB in a debug build), and threads may have 512 KiB.
  var depth = 160

  /// Brackets, operators and blocks inside one another in a template's source.
  static let syntaxDepth = 64
  /// Lists and dictionaries inside one another; JSON is allowed `JSONValue.nestingLimit`.
  static let valueDepth = 136
  /// Elements of one `range`, the bound that Jinja's sandbox sets.
  static let rangeLength = 100_000
}

/// What is left of a render's steps and work. A reference, because everything that computes on
/// values draws on the same account.
final class TemplateBudget {
  let limits: TemplateLimits
  private var steps: Int
  private var work: Int

  init(limits: TemplateLimits, inputBytes: Int) {
    self.limits = limits
    steps = limits.steps
    let (granted, overflow) = inputBytes.multipliedReportingOverflow(by: limits.inputFactor)
    work = overflow || granted > Int.max - limits.work ? Int.max : limits.work + granted
  }

  /// Pays for one expression or statement.
  func step() throws(TemplateFault) {
    steps -= 1
    guard steps >= 0 else { throw .limit("the template does not come to an end (\(limits.steps) steps)") }
  }

  /// Pays for `bytes` of text, or of values, that are produced or read through.
  func spend(_ bytes: Int) throws(TemplateFault) {
    guard bytes <= work else { throw .limit("the template handles more text than is allowed") }
    work -= bytes
  }

  /// Pays for a walk through `text` scalar by scalar, which takes far longer than copying its bytes.
  func spend(scalarsOf text: String) throws(TemplateFault) {
    try spend(text.utf8.count * 8)
  }

  /// Pays for `count` values in a list.
  func spend(values count: Int) throws(TemplateFault) {
    try spend(count * MemoryLayout<RuntimeValue>.stride)
  }

  /// Pays for a text of `bytes` and refuses it when no text may be so long.
  func spend(text bytes: Int) throws(TemplateFault) {
    guard bytes <= limits.textLength else {
      throw .limit("the template makes a text of more than \(limits.textLength) bytes")
    }
    try spend(bytes)
  }

  /// Pays for `count` copies of `bytes` in one text.
  func spend(text bytes: Int, times count: Int) throws(TemplateFault) {
    let (total, overflow) = bytes.multipliedReportingOverflow(by: max(count, 0))
    try spend(text: overflow ? Int.max : total)
  }
}

// The results of `hypnos bench` as a table for reading, as Markdown for docs/PERFORMANCE.md, and as JSON lines.
import Common
import Compute
import Console
import Generation
import Glibc
import Model
import Text

/// Writes a benchmark's header and rows in one style.
struct BenchReport {
  /// How results are written.
  enum Style {
    case table, markdown, json
  }

  let style: Style
  let checkpoint: Checkpoint
  let repetitions: Int
  let context: Int?
  let cacheFormat: CacheFormat
  /// As they were given.
  let adapters: AdapterOptions

  /// The columns of a table and how wide they are for reading.
  private static let columns = [
    ("test", 8), ("threads", 7), ("parallel", 8), ("depth", 6), ("mean tok/s", 10), ("median", 8), ("± spread", 8),
    ("best", 8), ("limit", 9), ("of limit", 8),
  ]

  /// What stands above the rows; nothing in JSON.
  func header(_ limits: [(threads: Int, limits: MachineLimits)]) -> String {
    let measured = limits.map { threads, limits in
      "\(counted(threads, "thread")): reads \((limits.bytesPerSecond / 1e9).fixed(1)) GB/s, "
        + "int8 \((limits.multiplyAccumulatesPerSecond / 1e9).fixed(1)) GMAC/s"
    }
    let size = mebibytes(checkpoint.byteCount)
    let names = BenchReport.columns.map(\.0)
    switch style {
    case .json: return ""
    case .table:
      return """
        \(checkpoint.name) · \(checkpoint.path) · \(size)
        kernels \(checkpoint.kernels.name), \(counted(repetitions, "repetition"))
        limits  \(measured.joined(separator: "\n        "))

        \(aligned(names))

        """
    case .markdown:
      return """
        **\(checkpoint.name)**, \(size). \(Machine.description), \(Machine.date), hypnos \
        \(Hypnos.configuration.version), kernels \(checkpoint.kernels.name), \(counted(repetitions, "repetition")). \
        Limits: \
        \(measured.joined(separator: "; ")).

        | \(names.joined(separator: " | ")) | command |
        |---|\(String(repeating: "--:|", count: names.count - 1))---|

        """
    }
  }

  /// One result.
  func row(_ result: BenchmarkResult) -> String {
    guard style != .json else { return json(result).encoded + "\n" }
    let test = result.test
    let cells = [
      test.name, String(result.threads), String(test.parallel), String(test.depth), result.mean.fixed(1),
      result.median.fixed(1), result.deviation.fixed(1), result.best.fixed(1), result.limit.fixed(1),
      (result.limitShare * 100).fixed(1) + " %",
    ]
    guard style == .markdown else { return aligned(cells) + "\n" }
    return "| \(cells.joined(separator: " | ")) | `\(command(result).escaped { $0 == "|" ? "\\|" : nil })` |\n"
  }

  /// The time and memory to the first token, or that they could not be measured.
  func firstToken(_ measured: [(threads: Int, result: Result<FirstToken, Failure>)]) -> String {
    let lines = measured.map { threads, result in
      guard style != .json else { return json(result, threads: threads).encoded }
      return (style == .markdown ? "- " : "") + sentence(result, threads: threads)
    }
    return (style == .json ? "" : "\n") + lines.joined(separator: "\n") + "\n"
  }

  private func sentence(_ measured: Result<FirstToken, Failure>, threads: Int) -> String {
    let what = "first token (fresh process, prompt of \(FirstToken.promptLength), \(counted(threads, "thread"))): "
    switch measured {
    case .failure(let failure): return what + "could not be measured: \(failure.message)"
    case .success(let found):
      return what + "\(found.seconds.fixed(3)) s, at most \(mebibytes(found.residentBytes)) resident, "
        + "\(mebibytes(found.anonymousBytes)) of them not the file's"
    }
  }

  private func json(_ result: BenchmarkResult) -> JSONValue {
    .object(
      OrderedFields(
        fields(result, name: result.test.name) + [
          ("kv", .string(cacheFormat.rawValue)), ("adapters", .array(adapters.adapters.map(JSONValue.string))),
        ]))
  }

  /// What every row has.
  private func fields(_ result: BenchmarkResult, name: String) -> [(String, JSONValue)] {
    [
      ("test", .string(name)), ("threads", .integer(result.threads)), ("parallel", .integer(result.test.parallel)),
      ("depth", .integer(result.test.depth)), ("mean", .number(result.mean)), ("median", .number(result.median)),
      ("best", .number(result.best)), ("stdev", .number(result.deviation)), ("limit", .number(result.limit)),
      ("limit_share", .number(result.limitShare)), ("kernels", .string(checkpoint.kernels.name)),
      ("model", .string(checkpoint.name)),
    ]
  }

  private func json(_ measured: Result<FirstToken, Failure>, threads: Int) -> JSONValue {
    switch measured {
    case .success(let found):
      return .object(
        OrderedFields(
          fields(found.speed, name: "first_token") + [
            ("kv", .string(cacheFormat.rawValue)), ("adapters", .array(adapters.adapters.map(JSONValue.string))),
            ("seconds", .number(found.seconds)),
            ("resident_bytes", .integer(found.residentBytes)), ("anonymous_bytes", .integer(found.anonymousBytes)),
          ]))
    case .failure(let failure):
      return [
        "test": "first_token", "threads": .integer(threads), "error": .string(failure.message),
        "kernels": .string(checkpoint.kernels.name), "model": .string(checkpoint.name),
      ]
    }
  }

  /// What measures this row alone.
  private func command(_ result: BenchmarkResult) -> String {
    let test = result.test
    let sizes = test.kind == .prompt ? "-p \(test.tokens) -n 0" : "-p 0 -n \(test.tokens)"
    let isUsual = checkpoint.kernels.name == KernelSet.available[0].name
    var words = isUsual ? [] : ["HYPNOS_CPU=\(checkpoint.kernels.name)"]
    words.append("hypnos bench -m \(checkpoint.path.pathWord) -t \(result.threads) \(sizes)")
    if test.depth > 0 { words.append("--depth \(test.depth)") }
    if test.parallel > 1 { words.append("--parallel \(test.parallel)") }
    if repetitions != Bench.usualRepetitions { words.append("--repetitions \(repetitions)") }
    if let context { words.append("-c \(context)") }
    words += adapters.adapters.map { "--adapter \($0.pathWord)" }
    if adapters.adapterAnyBase { words.append("--adapter-any-base") }
    if cacheFormat != .f16 { words.append("--kv \(cacheFormat.rawValue)") }
    return words.joined(separator: " ")
  }

  /// The first cell to the left, the others to the right.
  private func aligned(_ cells: [String]) -> String {
    zip(cells, BenchReport.columns).enumerated().map { index, pair in
      let padding = String(repeating: " ", count: max(0, pair.1.1 - pair.0.count))
      return index == 0 ? pair.0 + padding : padding + pair.0
    }.joined(separator: "  ")
  }

  private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

  private func mebibytes(_ bytes: Int) -> String { (Double(bytes) / 1_048_576).fixed(1) + " MiB" }

  /// Shows what is being measured on a terminal's standard error, in one line; nil wipes it.
  static func showProgress(_ text: String?) {
    guard isatty(2) == 1 else { return }
    Output.writeOver(text)
  }
}

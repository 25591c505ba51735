// A run of `hypnos filter` from its pairs to the kept ones.
import CSystem
import Compute
import Console
import Curation
import Evaluation
import Generation
import Glibc
import Model
import Text

/// Judges, decides, writes and tells.
struct FilterRun {
  private let command: Filter

  init(_ command: Filter) { self.command = command }

  /// Filters.
  func run() throws {
    try checkOutputs(inputs: [])
    for path in [command.out] + [command.rejected, command.report].compactMap({ $0 }) {
      try FinetuneRun.allowReplacing(path, "replace it", force: command.force)
    }
    let file = try PairFile(reading: command.pairs, language: command.language, skipsBadRows: command.skipBad)
    if file.problemCount > 0 {
      Output.complain("\(file.problemCount) rows left out:", prefix: "")
      for problem in file.problems { Output.complain("\(problem)", prefix: "") }
    }
    let rows = file.rows
    let labels = try labels(rows)
    let judges = try makeJudges()
    warn(rows, judges)
    let scores = try score(rows, judges)
    let rule = try command.rule()
    let decisions = rule.decide(scores)
    for (row, score) in zip(rows, scores) {
      if case .failure(let refusal) = score { Output.complain("\(row.path), line \(row.line): not judged: \(refusal)") }
    }
    try FilteredRow.write(
      rows, scores, decisions, judges: judges, kept: command.out, rejected: command.rejected)
    let summary = FilterSummary(
      scores, decisions, judges: judges.map(\.title), isGood: labels.map { labels in { labels[$0] } })
    if let report = command.report {
      try FilterPage(
        title: "Filtering of \(command.pairs.map(\.lastPathComponent).joined(separator: ", "))",
        settings: settings(rule, judges), summary: summary, rows: rows, scores: scores, decisions: decisions
      ).write(to: report)
      Output.complain("\(report): written; it quotes pairs at the edge", prefix: "")
    }
    unlink(journalPath)
    try Output.write(summary.text)
  }

  /// Refuses to write over the pairs and what else the run is made from, `inputs` among it.
  private func checkOutputs(inputs: [(path: String, what: String)]) throws {
    try OutputPlace.check(
      files: [command.out, journalPath, command.rejected, command.report],
      inputs: command.pairs.map { ($0, "filtered") } + inputs, adapters: command.judgeAdapters().flatMap(\.self),
      template: command.template)
  }

  /// Where the scores are kept while they come.
  private var journalPath: String { command.out + ".partial" }

  private func score(_ rows: [PairRow], _ judges: [FilterJudge]) throws -> [Result<PairScores, JudgeRefusal>] {
    let line = LiveLine()
    defer { line.erase() }
    hypnos_install_stop_handler("\nStopping; again to stop at once.\n")
    var begun: (judge: Int, at: Double)?
    do {
      return try PairFilter(rows: rows, judges: judges).score(
        journalPath: journalPath, isForced: command.force, isCancelled: hypnos_interrupted
      ) { progress in
        if begun?.judge != progress.judge {
          if progress.kept > 0 { line.say("Going on behind \(progress.kept) judged pairs.") }
          begun = (progress.judge, line.elapsed)
        }
        let (done, seconds) = (progress.done - progress.kept, line.elapsed - (begun?.at ?? 0))
        let left = done > 0 ? seconds / Double(done) * Double(progress.total - progress.done) : 0
        let judge = progress.judges > 1 ? "judge \(progress.judge) of \(progress.judges), " : ""
        let time = done > 0 ? ", \(Int(left.rounded(.up))) s left" : ""
        line.show("\(judge)\(progress.done) of \(progress.total) pairs judged\(time)")
      }
    } catch is Interrupted {
      line.erase()
      throw Failure("interrupted; the scores so far are in \(journalPath), the same command goes on", code: 130)
    }
  }

  /// The judges, opened one after the other when it is their turn.
  private func makeJudges() throws -> [FilterJudge] {
    let template = try command.template.map(TemplateArgument.load)
    let style = JudgeStyle(rawValue: command.prompt.rawValue)
    let paths = command.judges.isEmpty ? [try ModelLocator.find(nil)] : command.judges
    let threads = command.threads ?? Processors.physicalCores
    return try paths.enumerated().map { number, path in
      let checkpoint = try ModelOptions.open(path, kernels: ModelOptions.kernels())
      try checkOutputs(inputs: checkpoint.partPaths.map { ($0, "a judge") })
      let context = command.context ?? checkpoint.parameters.trainedContext
      // Found out now, not after hours of another judge.
      let judge = try Judge(
        model: Transformer(checkpoint, threads: 1), context: context, template: template, style: style)
      let adapters = try command.adapters.load(number, of: paths, for: checkpoint)
      judge.tellStyle()
      let asked = [judge.style.rawValue, "\(context)", judge.style == .chat ? template?.source ?? "" : ""]
      return FilterJudge(
        name: checkpoint.name, fingerprint: checkpoint.contentFingerprint,
        adapters: adapters.map(FilterJudge.Adapter.init),
        style: asked.joined(separator: " ")
      ) {
        let model = Transformer(checkpoint, threads: threads)
        try model.setAdapters(adapters)
        return (try Judge(model: model, context: context, template: template, style: style), context)
      }
    }
  }

  /// Says when a judge has made what it judges.
  private func warn(_ rows: [PairRow], _ judges: [FilterJudge]) {
    for judge in judges {
      let own = PairFilter.count(of: rows, madeBy: judge.fingerprint)
      guard own > 0 else { continue }
      Output.complain(
        "warning: \(terminalSafe(judge.name)) made \(own) of the \(rows.count) pairs itself"
          + (judge.adapters.isEmpty ? "" : ", adapters aside")
          + ", as their provenance says; a model is a mild judge of its own answers, let another judge")
    }
    let all = judges.map(\.identity)
    if Set(all).count < all.count {
      Output.complain("warning: the same checkpoint is named as judge more than once, and counts as often")
    }
  }

  private func settings(_ rule: FilterRule, _ judges: [FilterJudge]) -> [(name: String, value: String)] {
    var settings = judges.flatMap { judge in
      [("Judge", "\(judge.name), checkpoint \(judge.fingerprint)")]
        + judge.adapters.map { ("… with", "\($0.name) at \($0.scale), adapter \($0.fingerprint)") }
    }
    for (aspect, least) in rule.aspects.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      settings.append(("Least \(aspect.rawValue)", "\(least)"))
    }
    for (name, value) in [
      ("Least mean", rule.mean), ("Least gain", rule.gain), ("Least score", rule.score), ("Part kept", rule.fraction),
    ] {
      if let value { settings.append((name, "\(value)")) }
    }
    return settings.map { (name: $0.0, value: $0.1) }
  }

  /// Which rows have the good label, nil for rows without any; nil without --labels.
  private func labels(_ rows: [PairRow]) throws -> [Bool?]? {
    guard let label = try command.label() else { return nil }
    let texts = rows.map { FilterRun.text($0.fields[label.key]) }
    guard texts.contains(label.value) else {
      let found = Set(texts.compactMap(\.self)).sorted().prefix(5).map { "\"\($0)\"" }
      throw Failure(
        "--labels \(label.key)=\(label.value): no pair has it; "
          + (found.isEmpty ? "none has a \"\(label.key)\"" : "there are \(found.joined(separator: ", "))"), code: 2)
    }
    return texts.map { text in text.map { $0 == label.value } }
  }

  /// A label's text, whatever kind of value it is.
  private static func text(_ value: JSONValue?) -> String? {
    guard let value, value != .null else { return nil }
    return value.string ?? value.encoded
  }
}

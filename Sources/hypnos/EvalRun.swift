// A run of `hypnos eval`: files are read and checked first, all of them, then measured one after the other.
import CSystem
import Common
import Console
import Evaluation
import Generation
import Model

/// Reads, measures, compares, writes.
struct EvalRun {
  private let command: EvalMeasure
  private let bootstrap: Bootstrap
  private let words: WordDictionary?
  /// The answers that were given for those of the model.
  private let given: AnswerFile?

  /// Reads the dictionary and the answers, if `command` names any.
  init(_ command: EvalMeasure) throws {
    self.command = command
    bootstrap = command.intervals.bootstrap
    words = try command.words.map { try WordDictionary(path: $0) }
    given = try command.answers.map { try AnswerFile(path: $0) }
  }

  /// A task as it was asked for.
  struct Task {
    var file: TaskFile
    let kind: TaskKind
  }

  func run() throws {
    let other = try command.compare.map { try EvaluationFile(path: $0) }
    var tasks = try readTasks()
    let needsModel = command.answers == nil || tasks.contains { $0.kind != .answers }
    if !needsModel, command.template != nil || !command.model.adapters.adapters.isEmpty {
      throw Failure("--template and --adapter belong to a model, and with --answers alone none is run", code: 2)
    }
    let bench = try needsModel ? EvalTasks(command) : nil
    for index in tasks.indices { try bench?.check(&tasks[index]) }
    try refuseProblems(tasks)
    if let path = command.words, !tasks.contains(where: { $0.kind == .answers && language($0) == .chinese }) {
      throw Failure("--words \(path): no task asks for answers in Chinese", code: 2)
    }
    if let other {
      let isShared = { (task: Task) in other.shares(task.file.items.map(\.id), of: task.kind, in: task.file.path) }
      guard tasks.contains(where: isShared) else {
        throw Failure("\(other.path): has no task of the same file and kind with an item of this run's")
      }
    }
    let judge = try EvalJudge(command)
    try judge?.check(tasks)
    try checkOutputs(bench, judge)
    let outcomes = try EvalJournal(command).open(tasks, given, bench, judge)
    let line = LiveLine()
    if outcomes.taken > 0 { line.say("Going on behind \(outcomes.taken) items of the run that was interrupted.") }
    hypnos_install_stop_handler("\nStopping; again to stop at once.\n")
    var results: [TaskResult] = []
    do {
      for (number, task) in tasks.enumerated() {
        results.append(try measured(task, number: number, outcomes, bench, judge, line))
        if hypnos_interrupted() && results.count < tasks.count { throw Interrupted() }
      }
    } catch is Interrupted {
      line.erase()
      // Whoever read it may have been interrupted as well.
      try? Output.write(terminalSafe(results.map(\.text).joined(separator: "\n")))
      let rest =
        EvalJournal(command).path.map { "the results so far are in \($0), the same command goes on" }
        ?? "nothing is kept without --json"
      throw Failure("interrupted; \(results.count) of \(tasks.count) tasks were finished; \(rest)", code: 130)
    }
    line.erase()
    try finish(results, bench, other)
    outcomes.remove()
  }

  private func finish(_ results: [TaskResult], _ bench: EvalTasks?, _ other: EvaluationFile?) throws {
    var run = EvaluationRun(
      model: bench?.checkpoint.name ?? command.answers ?? "", fingerprint: bench?.checkpoint.contentFingerprint ?? "",
      adapters: command.model.adapters.adapters, settings: settings(hasModel: bench != nil),
      bootstrap: bootstrap, tasks: results)
    if let other {
      run.comparisons = results.compactMap {
        TaskComparison($0, with: other, measure: measure($0.language), bootstrap: bootstrap)
      }
    }
    // The files first: whoever reads standard output may be gone.
    if let path = command.json { try run.writeJSON(to: path) }
    if let path = command.report {
      try EvaluationPage(run).write(to: path)
      Output.complain("\(path): written; it quotes items and answers", prefix: "")
    }
    try Output.write(terminalSafe(run.text))
  }
}

// MARK: Files

extension EvalRun {
  /// Refuses to write over what is measured, or by what.
  private func checkOutputs(_ bench: EvalTasks?, _ judge: EvalJudge?) throws {
    let data = command.task + command.loss + command.perplexity
    let others = [command.shotsFrom, command.answers, command.compare, command.against, command.words, command.keys]
    let models = (bench?.checkpoint.partPaths ?? []) + (judge?.checkpoint.partPaths ?? [])
    try OutputPlace.check(
      files: [command.json, EvalJournal(command).path, command.report],
      inputs: (data + others.compactMap(\.self)).map { ($0, "read by this run") } + models.map { ($0, "a model") },
      adapters: command.model.adapters.adapters + command.judgeAdapter, template: command.template)
  }

  /// All files, their items cut to the limit.
  private func readTasks() throws -> [Task] {
    let reading = try command.reading()
    var tasks: [Task] = []
    for (paths, kind) in [
      (command.task, nil), (command.loss, TaskKind.loss), (command.perplexity, TaskKind.perplexity),
    ] {
      for path in paths {
        var file = try TaskFile(path: path, reading: reading)
        if let limit = command.limit { file.keep(first: limit) }
        let found: TaskKind = file.layout == .text ? .perplexity : file.layout.isChoice ? .choice : .answers
        let asked = kind ?? found
        if asked == .loss && found != .answers {
          throw Failure("\(path): holds no questions with answers, whose loss --loss measures", code: 2)
        }
        if asked == .perplexity && found == .choice {
          throw Failure("\(path): holds choice questions, no texts, whose perplexity --perplexity measures", code: 2)
        }
        let remark = file.remark.map { "; \($0)" } ?? ""
        Output.complain(
          terminalSafe("\(path): \(file.form), layout \(file.layout.rawValue), \(file.items.count) items\(remark)"),
          prefix: "")
        tasks.append(Task(file: file, kind: asked))
      }
    }
    try addGivenAnswers(&tasks)
    if let keys = reading.keys {
      let ids = tasks.filter { $0.kind == .choice }.flatMap { $0.file.items.map(\.id) }
      let hasProblems = tasks.contains { !$0.file.problems.isEmpty }
      guard hasProblems || ids.contains(where: { keys.answers[$0] != nil }) else {
        throw Failure("--keys \(keys.path): has no key of a choice question of the tasks", code: 2)
      }
    }
    return tasks
  }

  /// Holds the answers that were given against the items.
  private func addGivenAnswers(_ tasks: inout [Task]) throws {
    guard let given else { return }
    let path = given.path
    // Rows that are left out may have answers, too.
    let isWhole = command.limit == nil && tasks.allSatisfy { $0.file.problems.isEmpty }
    var known: Set<String> = []
    for index in tasks.indices where tasks[index].kind == .answers {
      known.formUnion(tasks[index].file.items.map(\.id))
      tasks[index].file.leaveOut { given.answers[$0.id] == nil ? .noAnswer(id: $0.id, path: path) : nil }
    }
    guard tasks.contains(where: { $0.kind == .answers }) else {
      throw Failure("--answers \(path): no task asks for answers", code: 2)
    }
    if isWhole, let other = given.ids.first(where: { !known.contains($0) }) {
      throw Failure(
        "\(path), line \(given.answers[other]?.line ?? 0): \"\(terminalSafe(other))\" is no item of the tasks; these are "
          + "answers to other questions")
    }
  }

  private func refuseProblems(_ tasks: [Task]) throws {
    let problems = tasks.flatMap(\.file.problems)
    guard !problems.isEmpty else { return }
    let all = TaskProblems(problems)
    guard command.skipBad else { throw all }
    Output.complain("\(problems.count) rows left out:", prefix: "")
    for problem in all.problems { Output.complain("\(problem)", prefix: "") }
    if let empty = tasks.first(where: { $0.file.items.isEmpty }) {
      throw Failure("\(empty.file.path): nothing is left to evaluate")
    }
  }

  // MARK: Measuring

  private func measured(
    _ task: Task, number: Int, _ outcomes: RunOutcomes, _ bench: EvalTasks?, _ judge: EvalJudge?, _ line: LiveLine
  ) throws -> TaskResult {
    if let given, task.kind == .answers {
      try take(given, task, number: number, outcomes)
    } else {
      try bench?.measure(task, number: number, outcomes, line)
    }
    try judge?.judge(task, number: number, outcomes, line)
    let language = language(task)
    return TaskResult(
      path: task.file.path, layout: task.file.layout.rawValue, kind: task.kind, language: language,
      settings: settings(of: task.kind, language), leftOut: task.file.problems.count,
      outcomes: outcomes[number].compactMap { $0 }, measure: measure(language), bootstrap: bootstrap)
  }

  /// Takes the answers that were given.
  private func take(_ given: AnswerFile, _ task: Task, number: Int, _ outcomes: RunOutcomes) throws {
    let open = task.file.items.enumerated().filter { outcomes[number][$0.offset] == nil }
    try outcomes.keep(
      open.map { place, item in
        let answer = AnswerOutcome(
          question: item.fullQuestion, reference: item.reference, answer: given.answers[item.id]?.text ?? "")
        return (place, ItemOutcome(item, .answer(answer)))
      }, of: number)
  }

  /// The language of a task's metrics.
  private func language(_ task: Task) -> JudgedLanguage { command.language ?? task.file.language }

  private func measure(_ language: JudgedLanguage) -> AnswerMeasure {
    AnswerMeasure(language: language, rouge: command.rouge, words: words)
  }

  /// What the figures of a kind of task stand for.
  private func settings(of kind: TaskKind, _ language: JudgedLanguage) -> [(name: String, value: String)] {
    switch kind {
    case .choice:
      var settings = [("answered by", command.by.rawValue), ("examples before each question", String(command.shots))]
      settings.append(("several keys", "right when exactly the keyed letters score best, as many as are keyed"))
      if command.by == .text { settings.append(("length-normalized", "log-likelihood a character of the option")) }
      return settings.map { (name: $0.0, value: $0.1) }
    case .answers:
      let measure = measure(language)
      let words = measure.words.map { " over the \($0.count) words of \($0.path), cut as jieba does without HMM" } ?? ""
      return [
        ("BLEU", "sacrebleu 2.6.0, corpus, tokenizer \(measure.tokenizer.rawValue)\(words), smoothing exp, 0 to 100"),
        ("ROUGE", "mean F of \(measure.rouge.rawValue), tokens \(measure.rougeTokenizer.rawValue)\(words), 0 to 1"),
        ("GLEU", "nltk 3.10.4, corpus, 0 to 1"), ("Distinct", "distinct by all runs of all answers"),
      ]
    case .loss: return [("loss", "of the tokens of the answers and their end, as fine-tuning renders them")]
    case .perplexity: return [("windows", "every token once, behind at least context less stride tokens")]
    }
  }

  private func settings(hasModel: Bool) -> [(name: String, value: String)] {
    let template = hasModel ? [("template", command.template ?? "the checkpoint's own, if any")] : []
    return template + [("date", Machine.date), ("machine", Machine.description)]
  }
}

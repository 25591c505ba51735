// The layouts of benchmarks as they are published, told from the keys of a row.
import Text

/// How the rows of a file are laid out.
public enum TaskLayout: String, Sendable, CaseIterable {
  /// `{"question", "options": {"A": …}, "answer"}`; `question_hans` and `options_hans` may stand beside them.
  case options = "question/options/answer"
  /// CMExam's table or JSON: `Question`, `Options` as lines "A …" or as `{"key", "value"}`, `Answer`.
  case cmexam = "CMExam"
  /// MedMCQA: `question`, `opa` to `opd`, `cop`.
  case medmcqa = "MedMCQA"
  /// CMB-Exam: `question`, `option`, `answer`.
  case cmb = "CMB-Exam"
  /// CMB-Clin: `description` and `QA_pairs` of `question` and `solution`.
  case cmbClinical = "CMB-Clin"
  /// AnesBench: `question`, the options under `A` to `I`, `target` (or `answer`).
  case anesbench = "AnesBench"
  /// AnesBench as first published, in both languages: `zh_question`, `zh_A` …, `en_question`, …, `answer`.
  case anesbenchBilingual = "AnesBench (both languages)"
  /// `{"question", "answer"}` with a `context` where a passage belongs to it; a `long_answer` is taken for the answer.
  case question = "question/answer"
  /// `{"instruction", "input"?, "output"}`.
  case instruction = "instruction/output"
  /// Self-Instruct: `instruction` and `instances` of `input` and `output`.
  case selfInstruct = "Self-Instruct"
  /// `{"messages": […]}`, of which the last answer is asked for.
  case messages = "messages"
  /// `{"text"}`, or a text file.
  case text = "text"

  /// The layout of a row of these fields; nil when it is none that is known.
  init?(_ fields: OrderedFields<JSONValue>) {
    func has(_ keys: String...) -> Bool { keys.allSatisfy { fields[$0] != nil } }
    let layout: TaskLayout? =
      if has("Question", "Options") { .cmexam }
      else if has("opa", "opb") { .medmcqa }
      else if has("QA_pairs") { .cmbClinical }
      else if has("question", "options") { .options }
      else if has("question", "option") { .cmb }
      else if has("question", "A", "B") { .anesbench }
      else if has("zh_question") || has("en_question") { .anesbenchBilingual }
      else if has("instruction", "instances") { .selfInstruct }
      else if has("instruction") { .instruction }
      else if has("messages") { .messages }
      else if has("question") { .question }
      else if has("text") { .text }
      else { nil }
    guard let layout else { return nil }
    self = layout
  }

  /// Whether its rows are choice questions.
  public var isChoice: Bool {
    switch self {
    case .options, .cmexam, .medmcqa, .cmb, .anesbench, .anesbenchBilingual: true
    default: false
    }
  }
}

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
  /// AnesBench as first published, in both languages: `zh_question` (or `cn_`), `zh_A` …, `en_question`, …, `answer`.
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
    // The first whose keys are all there.
    let known: [(TaskLayout, [String])] = [
      (.cmexam, ["Question", "Options"]), (.medmcqa, ["opa", "opb"]), (.cmbClinical, ["QA_pairs"]),
      (.options, ["question", "options"]), (.cmb, ["question", "option"]), (.anesbench, ["question", "A", "B"]),
      (.anesbenchBilingual, ["zh_question"]), (.anesbenchBilingual, ["cn_question"]),
      (.anesbenchBilingual, ["en_question"]),
      (.selfInstruct, ["instruction", "instances"]), (.instruction, ["instruction"]), (.messages, ["messages"]),
      (.question, ["question"]), (.text, ["text"]),
    ]
    guard let found = known.first(where: { $0.1.allSatisfy { fields[$0] != nil } }) else { return nil }
    self = found.0
  }

  /// Whether its rows are choice questions.
  public var isChoice: Bool {
    switch self {
    case .options, .cmexam, .medmcqa, .cmb, .anesbench, .anesbenchBilingual: true
    default: false
    }
  }
}

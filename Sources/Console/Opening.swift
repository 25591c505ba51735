// The first lines: which model answers, with what, and what its answers are worth. In English, or in
// Chinese where the environment asks for it.
import Common

/// The opening lines for a loaded model.
struct Opening {
  let model: ModelDescription
  let language: Language

  /// Below this many parameters a model is called a stand-in: it shows that the machine works.
  static let smallModel = 1_000_000_000

  /// The lines, the first being the heading.
  var lines: [String] {
    var lines = [heading, machine]
    if model.parameters < Opening.smallModel { lines.append(smallModelNotice) }
    if model.templateName == nil { lines.append(baseModelNotice) }
    if model.contextLength > model.trainedContextLength { lines.append(contextNotice) }
    return lines + [worth, keys]
  }

  /// The number of parameters as one says it: "135M", "7.6B".
  static func parameters(_ count: Int) -> String {
    count < smallModel
      ? "\((count + 500_000) / 1_000_000)M" : "\(oneDecimal(Double(count) / 1e9))B"
  }

  private var heading: String {
    "hypnos · \(model.name) · \(model.format) · \(Opening.parameters(model.parameters))"
  }

  private var machine: String {
    switch language {
    case .english:
      "Context \(grouped(model.contextLength)) tokens · kernels \(model.kernels) · "
        + counted(model.threads, "thread")
    case .chinese:
      "上下文 \(grouped(model.contextLength)) 个词元 · 计算内核 \(model.kernels) · \(model.threads) 个线程"
    }
  }

  private var smallModelNotice: String {
    switch language {
    case .english: "This is a small stand-in: it shows that the machine works, and is often wrong."
    case .chinese: "这是一个小型替代模型：只用来验证程序能够运行，回答常常有误。"
    }
  }

  private var baseModelNotice: String {
    switch language {
    case .english: "It has no chat template: a base model, which continues text rather than answers it."
    case .chinese: "该模型没有对话模板：它是基础模型，只会续写文本，不会真正回答问题。"
    }
  }

  private var contextNotice: String {
    let trained = grouped(model.trainedContextLength)
    return switch language {
    case .english: "The context is longer than the \(trained) tokens the model was trained with."
    case .chinese: "当前上下文超过了模型训练时的 \(trained) 个词元。"
    }
  }

  private var worth: String {
    switch language {
    case .english: "Answers are a reference, not an order: check them before you act on them."
    case .chinese: "回答仅供参考，不是医嘱：采取行动之前请务必核实。"
    }
  }

  private var keys: String {
    switch language {
    case .english: "/help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves."
    case .chinese: "/help 列出全部命令，Ctrl-C 停止回答，Ctrl-D 退出。"
    }
  }
}

// The opening lines and their language.
import Testing

@testable import Console

@Suite struct OpeningTests {
  @Test(arguments: [
    (["LANG": "zh_CN.UTF-8"], Language.chinese),
    (["LANG": "zh_TW"], .chinese),
    (["LC_ALL": "C", "LANG": "zh_CN.UTF-8"], .english),
    (["LC_ALL": "", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"], .chinese),
    (["LC_MESSAGES": "de_DE.UTF-8", "LANG": "zh_CN.UTF-8"], .english),
    ([:], .english),
  ])
  func choosesTheLanguage(_ environment: [String: String], _ language: Language) {
    #expect(Language { environment[$0] } == language)
  }

  @Test func saysModelContextKernelsAndWorth() {
    let lines = Opening(model: StubEngine().modelDescription, language: .english).lines
    #expect(
      lines == [
        "hypnos · Stub-1 · Q4_1 · 135M",
        "Context 400 tokens · kernels avx2 · 2 threads",
        "This is a small stand-in: it shows that the machine works, and is often wrong.",
        "Answers are a reference, not an order: check them before you act on them.",
        "/help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves.",
      ])
  }

  @Test func warnsOfBaseModelsAndStretchedContexts() {
    var model = StubEngine().modelDescription
    model.parameters = 7_615_000_000
    model.templateName = nil
    model.contextLength = 4096
    let english = Opening(model: model, language: .english).lines
    #expect(english.count == 6)
    #expect(english[0].hasSuffix("7.6B"))
    #expect(english[2].contains("no chat template"))
    #expect(english[3] == "The context is longer than the 2,048 tokens the model was trained with.")
    let chinese = Opening(model: model, language: .chinese).lines
    #expect(chinese.count == english.count)
    #expect(chinese[4] == "回答仅供参考，不是医嘱：采取行动之前请务必核实。")
  }
}

// The progress bar: when it shows, what, and that it goes.
import Testing

@testable import Console

@Suite struct ProgressBarTests {
  @Test func fitsAnyWidth() {
    let progress = PromptProgress(processed: 1234, total: 5678)
    #expect(
      ProgressBar.line(progress, elapsed: 2, width: 80)
        == "Reading 1,234 of 5,678 tokens [#######--------------------------] 21%, 8 s left")
    for width in 0...120 {
      #expect(columns(of: ProgressBar.line(progress, elapsed: 2, width: width)) <= max(0, width - 1))
    }
    #expect(ProgressBar.line(PromptProgress(processed: 0, total: 0), elapsed: 0, width: 80).contains("0%"))
  }

  @Test func waitsShowsAndErases() {
    var sent = ""
    let start = ContinuousClock.now
    var bar = ProgressBar(start: start, width: { 40 }, send: { sent += $0 })
    bar.show(PromptProgress(processed: 10, total: 100), at: start + .milliseconds(200))
    bar.erase()
    #expect(sent == "")
    bar.show(PromptProgress(processed: 20, total: 100), at: start + .milliseconds(400))
    #expect(sent == "\rReading 20 of 100 tokens  20%, 2 s left")
    sent = ""
    bar.show(PromptProgress(processed: 21, total: 100), at: start + .milliseconds(450))
    #expect(sent == "")
    bar.erase()
    #expect(sent == "\r\(String(repeating: " ", count: 39))\r")
    sent = ""
    bar.erase()
    #expect(sent == "")
  }
}

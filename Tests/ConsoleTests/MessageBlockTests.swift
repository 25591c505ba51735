// Messages between three quotation marks.
import Testing

@testable import Console

@Suite struct MessageBlockTests {
  private static let fence = MessageBlock.fence

  @Test(arguments: [
    ([fence, "a", "  b", fence], "a\n  b"),
    (["\(fence)first", "", "last\(fence)"], "first\n\nlast"),
    (["\(fence)one line\(fence)  "], "one line"),
    ([fence, "pasted\nlines", "end\(fence) "], "pasted\nlines\nend"),
    (["\(fence)a \" b \"\" c", fence], "a \" b \"\" c"),
    (["\(fence)\(fence)"], ""),
  ])
  func assembles(_ lines: [String], _ text: String) throws {
    var block = try #require(MessageBlock(opening: lines[0]))
    for line in lines.dropFirst() {
      #expect(!block.isClosed)
      block.append(line)
    }
    #expect(block.isClosed)
    #expect(block.text == text)
  }

  @Test func opensOnlyAtTheStart() {
    #expect(MessageBlock(opening: "say \(MessageBlock.fence)") == nil)
    #expect(MessageBlock(opening: "") == nil)
    #expect(MessageBlock(opening: "  \(MessageBlock.fence)")?.isClosed == false)
  }
}

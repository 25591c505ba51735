// `inspect`, `tokenize`, `score` and `render`: what they print for other programs to read.
import Foundation
import Testing

@Suite struct ToolTests {
  /// A sentence and llama.cpp's ids for it under the default checkpoint.
  private static let sentence = "Propofol is an intravenous anesthetic that"
  private static let ids = [27355, 1714, 308, 314, 354, 30247, 34161, 338]

  @Test func inspectShowsTheFile() throws {
    let outcome = try Hypnos.run("inspect", Hypnos.checkpoint)
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    for line in [
      "  version: 3", "  bytes: 98362432", "  general.architecture: llama", "  tokens: 49152",
      "  output_norm.weight: F32 [576] at byte 98360128, 2304 bytes", "  parameters: 134515008",
      "  bytes of KV cache when the context is full: 188743680",
      // 31 chunks of 256 positions of 90 heads: keys and values with 32 bytes of codes each and 3 of scales together, and
      // twice, in whole cache lines, 64 means and a unit or two.
      "  bytes of its sketches for long answers: \(31 * 90 * (256 * 67 + 640))",
    ] {
      #expect(outcome.lines.contains(line))
    }
  }

  @Test func inspectAsAnObjectSaysTheSame() throws {
    let report = try jsonObject(try Hypnos.run("inspect", "--json", "-c", "1024", Hypnos.checkpoint).output)
    let metadata = try #require(report["metadata"] as? [String: Any])
    #expect(metadata["llama.embedding_length"] as? Int == 576)
    #expect(metadata["tokenizer.ggml.pre"] as? String == "smollm")
    #expect((report["tensors"] as? [String: String])?.count == 272)
    let template = try #require(report["template"] as? [String: String])
    #expect(template["source"]?.contains("<|im_start|>") == true)
    let running = try #require(report["running it"] as? [String: Any])
    // Keys and values of 30 layers, 3 heads of 64, each 2 bytes.
    #expect(running["bytes of KV cache when the context is full"] as? Int == 1024 * 30 * 2 * 3 * 64 * 2)
    #expect(running["weights verified"] as? Bool == false)
  }

  @Test func inspectReadsEveryWeight() throws {
    let outcome = try Hypnos.run("inspect", "--verify", "--json", Hypnos.checkpoint)
    #expect(outcome.status == 0)
    let running = try #require(try jsonObject(outcome.output)["running it"] as? [String: Any])
    #expect(running["weights verified"] as? Bool == true)
  }

  @Test func tokenizeGivesTheIds() throws {
    let plain = try Hypnos.run("tokenize", input: ToolTests.sentence)
    #expect(plain.status == 0)
    #expect(plain.output == ToolTests.ids.map(String.init).joined(separator: " ") + "\n")
    let objects = try Hypnos.run("tokenize", "--json", input: ToolTests.sentence).output
    let tokens = try #require(try JSONSerialization.jsonObject(with: Data(objects.utf8)) as? [[String: Any]])
    #expect(tokens.map { $0["id"] as? Int } == ToolTests.ids)
    #expect(tokens.compactMap { $0["text"] as? String }.joined() == ToolTests.sentence)
  }

  @Test func tokenizeTakesSpecialTokensOnlyWhenTold() throws {
    #expect(try Hypnos.run("tokenize", "--special", input: "<|im_start|>").output == "1\n")
    let plain = try Hypnos.run("tokenize", input: "<|im_start|>").output
    #expect(plain.split(separator: " ").count > 3)
    #expect(!plain.split(whereSeparator: \.isWhitespace).contains("1"))
  }

  @Test func scoreAddsUp() throws {
    let outcome = try Hypnos.run("score", "--top", "5", "--json", input: ToolTests.sentence)
    #expect(outcome.status == 0)
    var lines = try outcome.lines.map(jsonObject)
    let totals = lines.removeLast()
    #expect(lines.map { $0["position"] as? Int } == Array(0..<8))
    #expect(lines.map { $0["token"] as? Int } == ToolTests.ids)
    #expect(lines[0]["logprob"] is NSNull)
    let logProbabilities = try lines.dropFirst().map { try #require($0["logprob"] as? Double) }
    let total = -logProbabilities.reduce(0, +)
    #expect(abs(try #require(totals["nll"] as? Double) - total) < 1e-9)
    #expect(totals["tokens"] as? Int == 7)
    #expect(abs(try #require(totals["perplexity"] as? Double) / exp(total / 7) - 1) < 1e-9)
    var listed = 0
    for (line, next) in zip(lines, lines.dropFirst()) {
      let top = try #require(line["top"] as? [[Double]])
      let logSumExp = try #require(line["logsumexp"] as? Double)
      #expect(top.count == 5)
      #expect(top.map { $0[1] } == top.map { $0[1] }.sorted(by: >))
      #expect(top[0][1] < logSumExp)
      guard let logit = top.first(where: { $0[0] == next["token"] as? Double })?[1] else { continue }
      #expect(abs(try #require(next["logprob"] as? Double) - (logit - logSumExp)) < 1e-9)
      listed += 1
    }
    #expect(listed > 0)
  }

  @Test func scoreTakesIdsAsWell() throws {
    let text = try Hypnos.run("score", input: ToolTests.sentence)
    let ids = try Hypnos.run("score", "--ids", input: "\(ToolTests.ids)\n")
    #expect(ids.status == 0)
    #expect(ids.output == text.output)
    let pattern = /negative log-likelihood [\d.]+ over 7 tokens, perplexity [\d.]+/
    #expect(try #require(ids.lines.last).wholeMatch(of: pattern) != nil)
    for bad in ["1 2 x", "49152", "-1", "99999999999999999999"] {
      let outcome = try Hypnos.run("score", "--ids", input: bad)
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("is no token id between 0 and 49151"))
    }
    #expect(try Hypnos.run("score", input: "").status == 2)
  }

  @Test func scoreDoesNotCutWhatDoesNotFit() throws {
    let outcome = try Hypnos.run("score", "-c", "8", input: ToolTests.sentence + " acts")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("the text has 9 tokens"))
  }
}

@Suite struct RenderTests {
  private static let messages = #"[{"role": "user", "content": "Hi <b>"}]"#
  private static let user = "<|im_start|>user\nHi <b><|im_end|>\n"
  private static let opening = "<|im_start|>assistant\n"

  @Test func theCheckpointsOwnTemplateIsTheDefault() throws {
    let system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    let expected = "<|im_start|>system\n\(system)<|im_end|>\n" + RenderTests.user
    let outcome = try Hypnos.run("render", input: RenderTests.messages)
    #expect(outcome.status == 0)
    #expect(outcome.output == expected + RenderTests.opening)
    #expect(
      try Hypnos.run("render", "--no-generation-prompt", input: RenderTests.messages).output == expected)
  }

  @Test func aBuiltInTemplateNeedsNoCheckpoint() throws {
    let outcome = try Hypnos.run(
      "render", "--template", "chatml", input: RenderTests.messages, environment: ["HYPNOS_MODEL": "/none"])
    #expect(outcome.output == RenderTests.user + RenderTests.opening)
  }

  @Test func variablesAreSet() throws {
    let folder = try TemporaryFolder()
    let template = try folder.file(
      "short.jinja", Data("{{ bos_token }}|{{ tone }}|{{ messages[0].content }}".utf8))
    let outcome = try Hypnos.run(
      "render", "--template", template, "--set", "bos_token=<s>", "--set", "tone=a=b",
      input: RenderTests.messages)
    #expect(outcome.output == "<s>|a=b|Hi <b>")
    #expect(try Hypnos.run("render", "--set", "tone", input: RenderTests.messages).status == 2)
  }

  @Test func wrongTemplatesAndMessagesAreErrors() throws {
    let folder = try TemporaryFolder()
    let unknown = try Hypnos.run("render", "--template", "chatlm", input: RenderTests.messages)
    #expect(unknown.status == 1)
    #expect(unknown.errors.contains("there is no template or file named \"chatlm\"; built in are"))
    #expect(unknown.errors.contains("chatml"))
    for (source, message) in [
      ("{% for m in messages %}", "short.jinja"), ("{{ 1 // 0 }}", "zero"),
      ("{{ raise_exception('No tools') }}", "No tools"),
    ] {
      let template = try folder.file("short.jinja", Data(source.utf8))
      let outcome = try Hypnos.run("render", "--template", template, input: RenderTests.messages)
      #expect(outcome.status == 1)
      #expect(outcome.output.isEmpty)
      #expect(outcome.errors.contains(message))
    }
    for input in ["", "{}", "[", "nonsense"] {
      let outcome = try Hypnos.run("render", input: input)
      #expect(outcome.status == 1)
      #expect(outcome.errors.hasPrefix("hypnos: standard input: "))
    }
  }
}

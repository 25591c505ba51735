// Which tokens end an answer. Metadata name one or two of them; llama.cpp knows the others by their
// spelling, and so does this file.

/// Tokens with spellings that mean something whatever the metadata say.
enum WellKnownTokens {
  /// End a turn or a text; they count as control tokens even when their type does not say so.
  static let ends = [
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
    "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[",
  ]

  /// Spellings of the tokens of fill-in-the-middle that end an answer: padding, repository, file.
  /// Of each list one token at most is meant.
  static let infillEnds = [
    ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
    ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
    ["<|file_sep|>"],
  ]

  /// Spellings of the tokens of fill-in-the-middle that do not: prefix, suffix, middle. They too count
  /// as control tokens.
  static let infillParts = [
    [
      "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>",
      "<|prefix|>",
    ],
    [
      "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>",
      "<|suffix|>",
    ],
    [
      "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>",
      "<|middle|>",
    ],
  ]

  /// Channel markers, which are user-defined whatever their type says.
  static let channels = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"]
}

extension Vocabulary {
  /// Gives tokens of well-known spelling their roles.
  /// - Returns: the tokens that end an answer by their spelling.
  mutating func assignWellKnownRoles() -> Set<Int> {
    let infillEnds = WellKnownTokens.infillEnds.compactMap(firstID(among:))
    let ends = infillEnds + WellKnownTokens.ends.compactMap { firstID(among: [$0]) }
    let infillParts = WellKnownTokens.infillParts.compactMap(firstID(among:))
    for id in ends + infillParts { roles[id].insert(.control) }
    for text in WellKnownTokens.channels {
      if let id = firstID(among: [text]) { roles[id] = .userDefined }
    }
    return Set(ends)
  }

  private func firstID(among texts: [String]) -> Int? {
    for text in texts {
      let id = id(of: Array(text.utf8))
      if id >= 0 { return Int(id) }
    }
    return nil
  }
}

// The options of the prefix cache on disk, which `ask`, `chat` and the pipe share.
import ArgumentParser
import Generation

/// Whether and where prompts' beginnings are kept.
struct PrefixCacheOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep the first prompt, computed, in this folder, and begin from there the next time.",
      discussion: """
        For a long system prompt or document: a later start with the same beginning answers at once. The files hold \
        the prompt's text in the form of tokens, a patient's if it is in the prompt; they are readable by their owner \
        alone and stay until they are deleted or the folder reaches its limit.
        """,
      valueName: "folder"))
  var prefixCache: String?

  @Option(help: ArgumentHelp("How large that folder may become; the longest unused files go.", valueName: "GiB"))
  var prefixCacheLimit = 8

  func validate() throws {
    guard (1...(1 << 20)).contains(prefixCacheLimit) else {
      throw ValidationError("--prefix-cache-limit \(prefixCacheLimit): it can be 1 to \(1 << 20)")
    }
    guard prefixCache != "" else { throw ValidationError("--prefix-cache: the folder has no name") }
  }

  /// The cache asked for, nil without.
  var cache: PrefixCache? {
    prefixCache.map { PrefixCache(folder: $0, byteLimit: prefixCacheLimit << 30) { Output.complain("\($0)") } }
  }
}

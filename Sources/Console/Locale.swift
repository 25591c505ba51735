// The two things the environment's locale decides here: the language of the opening lines, and whether
// the C library and Readline take the terminal's bytes for UTF-8.
import Glibc

/// The language of the opening lines.
public enum Language: Sendable {
  /// The default.
  case english
  /// When the environment asks for any Chinese.
  case chinese

  /// The language that `environment` asks for messages in: the first of LC_ALL, LC_MESSAGES and LANG
  /// that is set and not empty, as POSIX has it.
  public init(environment: (String) -> String?) {
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"]
    let locale = names.lazy.compactMap(environment).first { !$0.isEmpty } ?? ""
    self = locale.lowercased().hasPrefix("zh") ? .chinese : .english
  }
}

/// The value of the environment variable `name`.
func environmentVariable(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }
}

/// The process's character type.
enum CharacterLocale {
  /// Makes the C library take text for UTF-8: with the environment's locale if that is UTF-8, otherwise
  /// with C.UTF-8, which every system has. Without it Readline would edit bytes, not characters. Readline
  /// looks at the environment itself each time, so the change must be made there too.
  static func useUTF8() {
    setlocale(LC_CTYPE, "")
    if isUTF8 { return }
    setlocale(LC_CTYPE, "C.UTF-8")
    setenv(environmentVariable("LC_ALL").map { !$0.isEmpty } == true ? "LC_ALL" : "LC_CTYPE", "C.UTF-8", 1)
  }

  private static var isUTF8: Bool {
    nl_langinfo(nl_item(CODESET)).map { String(cString: $0) } == "UTF-8"
  }
}

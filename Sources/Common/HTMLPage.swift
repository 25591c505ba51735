// A page that stands alone: no references to anything outside of it, and, unless it has a script of its own, a policy
// that lets it run none.

/// An HTML page.
package struct HTMLPage {
  /// The title, as text.
  package var title: String
  /// The body, as HTML; everything from outside in it must be escaped.
  package var body: String
  /// Rules beside the common ones.
  package var style = ""
  /// A script; nil for a page that may run none.
  package var script: String?

  /// A page of `body` under `title`.
  package init(title: String, body: String, style: String = "", script: String? = nil) {
    (self.title, self.body, self.style, self.script) = (title, body, style, script)
  }

  /// The whole page.
  package var html: String {
    """
    <!DOCTYPE html>
    <html>
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta http-equiv="Content-Security-Policy" content="\(policy)">
    <title>\(title.htmlEscaped)</title>
    <style>
    \(HTMLPage.style)\(style)
    </style>
    </head>
    <body>
    \(body)\(script.map { "<script>\n\($0)\n</script>\n" } ?? "")</body>
    </html>

    """
  }

  private var policy: String {
    "default-src 'none'; style-src 'unsafe-inline'" + (script == nil ? "" : "; script-src 'unsafe-inline'")
  }

  /// A table; the cells are text.
  package static func table(head: [String], _ rows: [[String]]) -> String {
    func line(_ cells: [String], _ tag: String) -> String {
      "<tr>" + cells.map { "<\(tag)>\($0.htmlEscaped)</\(tag)>" }.joined() + "</tr>"
    }
    return "<div class=\"wide\"><table><thead>\(line(head, "th"))</thead><tbody>"
      + rows.map { line($0, "td") }.joined(separator: "\n") + "</tbody></table></div>\n"
  }

  /// Fonts with Chinese characters are named where a system has several.
  private static let style = """
    :root { --page: #fff; --ink: #1d2129; --soft: #5c6470; --rule: #dfe3e8; --card: #f5f7f9; --mark: #2563a8; }
    @media (prefers-color-scheme: dark) {
      :root { --page: #14171b; --ink: #e4e7eb; --soft: #9aa4b0; --rule: #30363d; --card: #1d2126; --mark: #6cb0f5; } }
    body { background: var(--page); color: var(--ink); max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
      font: 15px/1.55 system-ui, "Segoe UI", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei",
        "WenQuanYi Zen Hei", sans-serif; }
    h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
    h3 { font-size: 1rem; margin: 1rem 0 .3rem; white-space: pre-wrap; overflow-wrap: anywhere; }
    p { overflow-wrap: anywhere; } .soft { color: var(--soft); font-size: .9rem; }
    table { border-collapse: collapse; font-size: .9rem; } .wide { overflow-x: auto; }
    th, td { border-bottom: 1px solid var(--rule); padding: .3rem .9rem .3rem 0; text-align: left;
      vertical-align: top; }
    thead th { color: var(--soft); font-size: .8rem; white-space: nowrap; }
    article { border-top: 1px solid var(--rule); padding-bottom: .6rem; } .text { white-space: pre-wrap; }
    """
}

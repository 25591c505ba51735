// Computing stretches of many sequences side by side, of which only the log-probabilities of some tokens are wanted. A
// row's result does not depend on what is computed beside it, so neither do these.
import Compute
import Generation
import Glibc
import Model

/// Tokens of one sequence, to be computed behind those that are in its cache.
struct Stretch {
  /// Tokens whose log-probabilities are wanted behind token number `offset` of the stretch.
  struct Wanted {
    let offset: Int
    let tokens: [Int32]
  }

  /// The sequence's cache, which holds `start` positions.
  let store: KeyValueStore
  let start: Int
  let tokens: [Int32]
  /// In ascending order of their offsets.
  var wanted: [Wanted] = []
}

/// Runs stretches in as few forward passes as they fit.
struct StretchRunner {
  /// The most rows of a pass, and the most of them with logits, of which a row takes a megabyte with a large vocabulary.
  private static let (rowLimit, logitLimit) = (256, 64)

  let model: Transformer
  let isCancelled: () -> Bool

  /// A row whose logits are wanted: where it stands in the pass, and whose it is.
  private struct Asked {
    let row: Int
    let stretch: Int
    let tokens: [Int32]
  }

  /// Computes `stretches` and returns, for each of them and each of its wanted places, the tokens' log-probabilities.
  /// Throws `ModelError`, and `Interrupted` when that is asked for.
  func run(_ stretches: [Stretch]) throws -> [[[Double]]] {
    var results = [[[Double]]](repeating: [], count: stretches.count)
    var rows: [BatchRow] = []
    var asked: [Asked] = []
    func flush() throws {
      if isCancelled() { throw Interrupted() }
      guard !rows.isEmpty else { return }
      for (asked, values) in zip(asked, try compute(rows, asked)) { results[asked.stretch].append(values) }
      rows = []
      asked = []
    }
    for (number, stretch) in stretches.enumerated() {
      var wanted = stretch.wanted[...]
      for (offset, token) in stretch.tokens.enumerated() {
        rows.append(BatchRow(token: token, store: stretch.store, position: stretch.start + offset))
        if let next = wanted.first, next.offset == offset {
          asked.append(Asked(row: rows.count - 1, stretch: number, tokens: next.tokens))
          wanted = wanted.dropFirst()
        }
        if rows.count == StretchRunner.rowLimit || asked.count == StretchRunner.logitLimit { try flush() }
      }
    }
    try flush()
    return results
  }

  private func compute(_ rows: [BatchRow], _ asked: [Asked]) throws(ModelError) -> [[Double]] {
    let logits = try model.forward(rows, logitRows: asked.map(\.row))
    let wanted = asked.enumerated().map { row, asked in asked.tokens.map { logits[row, Int($0)] } }
    let running = FloatMatrix(rows: max(asked.count, 1), width: 2)
    for row in asked.indices { running[row: row] = [-.infinity, 0] }
    model.engine.eachRow(asked.count) { row in _ = model.engine.exponentiate(logits, row: row, running: running) }
    return wanted.enumerated().map { row, values in
      let logSumExp = Double(running[row, 0]) + log(Double(running[row, 1]))
      return values.map { Double($0) - logSumExp }
    }
  }
}

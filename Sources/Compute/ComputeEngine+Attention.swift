// Attention: rotary embedding, storing keys and values, and softmax attention over the cache, split into items
// of one key/value head and a few neighbouring tokens. Chunks of the cache are merged in their order, so the
// result is the same however the work was shared out.
import CKernels

/// Which values of a head are rotated together.
public enum RotaryPairing: Sendable {
  /// Neighbours: 0 and 1, 2 and 3.
  case neighbours
  /// The first and the second half: 0 and n/2, 1 and n/2 + 1.
  case halves
}

/// Cosines and sines of the rotary embedding for each row of a batch, [rows, rotated values / 2].
public final class RotaryAngles {
  let cosines: FloatMatrix
  let sines: FloatMatrix

  /// Room for `rows` rows that rotate `size` values of each head.
  public init(rows: Int, size: Int) {
    cosines = FloatMatrix(rows: rows, width: max(size / 2, 1))
    sines = FloatMatrix(rows: rows, width: max(size / 2, 1))
  }

  /// Sets row `row`: the cosines and sines of `position * frequencies`, both times `magnitude`.
  public func set(row: Int, cosines: [Float], sines: [Float]) {
    self.cosines[row: row] = cosines
    self.sines[row: row] = sines
  }
}

extension ComputeEngine {
  /// Rotates every head of a row of `matrix` [rows, heads * headSize] in place.
  public func rotate(_ matrix: FloatMatrix, headSize: Int, angles: RotaryAngles, pairing: RotaryPairing, row: Int) {
    precondition(matrix.width % headSize == 0 && angles.cosines.width * 2 <= headSize, "whole heads")
    for head in 0..<matrix.width / headSize {
      kernels.table.pointee.rotate(
        matrix.row(row) + head * headSize, angles.cosines.row(row), angles.sines.row(row),
        angles.cosines.width * 2, pairing == .halves ? 1 : 0)
    }
  }

  /// Stores the keys and values [rows, heads * headSize] of a row of `plan` in its cache.
  public func store(keys: FloatMatrix, values: FloatMatrix, row: Int, layer: Int, plan: AttentionPlan) {
    let (size, table) = (plan.size, kernels.table)
    precondition(keys.width == plan.heads * size && values.width == keys.width, "whole heads")
    let (chunk, position) = (plan.own[row], (plan.seen[row].upperBound - 1) % KeyValueStore.chunkLength)
    for head in 0..<plan.heads {
      table.pointee.store_key(
        plan.format.number, keys.row(row) + head * size, size, position, chunk.keys(layer: layer, head: head))
      table.pointee.store_value(
        plan.format.number, values.row(row) + head * size, size, position, chunk.values(layer: layer, head: head))
    }
  }

  /// Softmax attention of the queries [rows, queryHeads * headSize] of every row of `plan` over its own past. Products
  /// of queries and keys are multiplied with `scale`. `next` is the weight that the output is multiplied with.
  public func attend(
    queries: FloatMatrix, layer: Int, plan: AttentionPlan, scale: Float, into output: FloatMatrix,
    next: WeightMatrix? = nil
  ) {
    precondition(
      queries.width == plan.heads * plan.group * plan.size && output.width == queries.width, "whole heads")
    let run = AttentionRun(
      table: kernels.table, plan: plan, layer: layer, scale: scale, queries: queries, output: output)
    let hasOneChunk = plan.chunks.count == plan.tiles.count
    // Items take unequally long: with a few for each thread none waits long for the last.
    let enough = pool.threads == 1 ? 1 : 4 * pool.threads
    guard plan.itemCount >= enough || hasOneChunk else {
      // The others wait while one thread prepares queries, bounds and results.
      if let next { pool.fetchRows(of: next) }
      return attendByChunks(run)
    }
    let groups = plan.groups.count * plan.heads >= enough ? plan.groups : plan.singles
    let most = groups.reduce(0) { max($0, $1.count) }
    let scratch = scratch(
      rows: pool.threads, width: most > 1 ? max(run.scratchWidth, run.groupWidth(tiles: most)) : run.scratchWidth)
    pool.runAhead(groups.count * plan.heads, inParts: true) { index, next, thread in
      let (group, head) = index.quotientAndRemainder(dividingBy: plan.heads)
      guard groups[group].count == 1 else {
        return run.attend(groups[group], head: head, scratch: scratch.row(thread))
      }
      func item(_ index: Int) -> AttentionItem {
        plan.item(groups[index / plan.heads].lowerBound * plan.heads + index % plan.heads)
      }
      run.attend(item(index), next: next.map(item), scratch: scratch.row(thread))
    }
  }

  /// Few queries with a long past: the threads share out its chunks, whose results are merged in their order.
  private func attendByChunks(_ run: AttentionRun) {
    let (plan, pieces) = (run.plan, run.plan.pieces)
    let scratch = scratch(rows: pool.threads, width: run.sharedWidth)
    // The packed queries of the items stand first.
    let firstPartial = plan.itemCount
    let partials = partials(rows: firstPartial + pieces.count, width: max(run.partialWidth, run.packedWidth))
    let queries = (0..<plan.itemCount).map { run.pack(plan.item($0), into: partials.row($0)) }
    func partial(_ item: AttentionItem, _ chunk: Int) -> UnsafeMutablePointer<Float> {
      partials.row(firstPartial + pieces.index(of: item, chunk: chunk))
    }
    queries.withUnsafeBufferPointer { queries in
      eachPiece(of: plan) { piece, next, thread in
        run.score(
          plan.item(piece.item), chunk: piece.chunk, queries: queries[piece.item], next: next,
          scores: scratch.row(thread), into: partials.row(firstPartial + piece.index))
      }
      guard plan.hasSketches else { return }
      for item in (0..<plan.itemCount).map(plan.item) { run.setBounds(item) { partial(item, $0) } }
      eachPiece(of: plan) { piece, next, _ in
        let following = next.flatMap { next in
          run.sketchedPart(of: next.item, chunk: next.chunk, partial: partial(next.item, next.chunk))
        }
        run.weigh(
          plan.item(piece.item), chunk: piece.chunk, queries: queries[piece.item], next: following,
          into: partials.row(firstPartial + piece.index))
      }
    }
    pool.run(plan.itemCount * plan.mostQueries) { index, thread in
      let (number, query) = index.quotientAndRemainder(dividingBy: plan.mostQueries)
      let (item, scratch) = (plan.item(number), scratch.row(thread))
      guard query < item.tile.count else { return }
      let one = query..<query + 1
      let total = scratch + run.scoreWidth
      run.begin(one, total: total)
      for chunk in item.tile.chunks { run.merge(partial(item, chunk), queries: one, into: total) }
      run.finish(one, of: item, from: total)
    }
  }

  /// Calls `body` for every piece of `plan` on all threads; `next` is what the thread does afterwards. Sketches are read
  /// so fast that a thread takes all heads of a chunk at once, where there are enough.
  private func eachPiece(
    of plan: AttentionPlan,
    _ body: (
      _ piece: (item: Int, chunk: Int, index: Int), _ next: (item: AttentionItem, chunk: Int)?, _ thread: Int
    ) -> Void
  ) {
    let pieces = plan.pieces
    let together = plan.hasSketches && pieces.count >= 4 * plan.heads * pool.threads ? plan.heads : 1
    pool.runAhead(pieces.count / together, inParts: true) { group, next, thread in
      for index in group * together..<(group + 1) * together {
        let following = index + 1 < (group + 1) * together ? index + 1 : next.map { $0 * together }
        let (item, chunk) = pieces.piece(index)
        body(
          (item, chunk, index), following.map(pieces.piece).map { (plan.item($0.item), $0.chunk) }, thread)
      }
    }
  }
}

// Attention over a long past in two passes: first the scores of every chunk, by its sketch where it has one, from which
// is known what all weights come to; then the values, with the keys and values themselves of those positions that have
// a share of it that matters. What a query reads depends on nothing but its own past.
import CKernels

extension AttentionRun {
  /// All of one item whose chunks have sketches, its chunks one after the other.
  func attendBySketches(
    _ item: AttentionItem, queries: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>,
    partials: UnsafeMutablePointer<Float>
  ) {
    let (chunks, width) = (item.tile.chunks, partialWidth)
    precondition(chunks.lowerBound == 0, "a row with sketches sees all of its past")
    for chunk in chunks {
      let next = chunk + 1 < chunks.upperBound ? (item, chunk + 1) : nil
      score(item, chunk: chunk, queries: queries, next: next, scores: scratch, into: partials + chunk * width)
    }
    setBounds(item) { partials + $0 * width }
    for chunk in 0..<item.tile.sketchedChunks {
      let next = sketchedPart(of: item, chunk: chunk + 1, partial: partials + (chunk + 1) * width)
      weigh(item, chunk: chunk, queries: queries, next: next, into: partials + chunk * width)
    }
    let (all, total) = (0..<item.tile.count, scratch + scoreWidth)
    begin(all, total: total)
    for chunk in chunks { merge(partials + chunk * width, queries: all, into: total) }
    finish(all, of: item, from: total)
  }

  /// The first pass over a chunk: its weights by its sketch, or all of its partial result where it has none. `next` is
  /// what the thread does afterwards.
  func score(
    _ item: AttentionItem, chunk: Int, queries: UnsafePointer<Float>, next: (item: AttentionItem, chunk: Int)?,
    scores: UnsafeMutablePointer<Float>, into partial: UnsafeMutablePointer<Float>
  ) {
    guard let sketch = sketch(of: item, chunk: chunk) else {
      let following = next.flatMap { next in
        sketch(of: next.item, chunk: next.chunk) == nil ? part(of: next.item, chunk: next.chunk) : nil
      }
      return attend(item, chunk: chunk, queries: queries, next: following, scores: scores, into: partial)
    }
    let maxima = partial + most * size
    table.pointee.score_sketch(
      rounded(queries), item.tile.count, size, sketch, next.flatMap { self.sketch(of: $0.item, chunk: $0.chunk) },
      weights(partial), maxima, maxima + most, bounds(partial))
  }

  /// Between the passes: the weight of each sketched chunk from which on it is a share of all weights that matters. Where
  /// the scores are too noisy to tell, all do. `partial` gives the place of a chunk's partial result.
  func setBounds(_ item: AttentionItem, partial: (_ chunk: Int) -> UnsafeMutablePointer<Float>) {
    let (partials, maxima) = (item.tile.chunks.map(partial), most * size)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: partials.count) { factors in
      guard let first = factors.baseAddress else { return }
      for query in 0..<item.tile.count {
        for chunk in partials.indices { factors[chunk] = partials[chunk][maxima + query] }
        _ = table.pointee.exponentials(first, 1, table.pointee.largest(first, partials.count), partials.count)
        let sum = zip(partials, factors).reduce(Float(0)) { $0 + $1.0[maxima + most + query] * $1.1 }
        for chunk in 0..<item.tile.sketchedChunks {
          let bound = bounds(partials[chunk]) + query
          bound.pointee = bound.pointee > KeyValueSketch.mostNoise ? -1 : KeyValueSketch.share * sum / factors[chunk]
        }
      }
    }
  }

  /// The second pass over a chunk that has a sketch: its partial result. `next` is what the thread does afterwards.
  func weigh(
    _ item: AttentionItem, chunk: Int, queries: UnsafePointer<Float>, next: hypnos_sketched_part?,
    into partial: UnsafeMutablePointer<Float>
  ) {
    guard var part = sketchedPart(of: item, chunk: chunk, partial: partial) else { return }
    var next = next ?? hypnos_sketched_part()
    let maxima = partial + most * size
    let (keys, values) = start(of: item, chunk: chunk)
    table.pointee.attend_sketched(
      plan.format.number, queries, rounded(queries), item.tile.count, size, keys, values, &part, &next, maxima,
      maxima + most, partial)
  }

  /// What the second pass reads of chunk `chunk` of an item, whose partial result is `partial`; nil where it has no
  /// sketch.
  func sketchedPart(
    of item: AttentionItem, chunk: Int, partial: UnsafeMutablePointer<Float>
  ) -> hypnos_sketched_part? {
    sketch(of: item, chunk: chunk).map {
      hypnos_sketched_part(sketch: $0, weights: weights(partial), bounds: bounds(partial))
    }
  }

  /// Where the bounds of a sketched chunk's queries stand; between the passes, how noisy their scores are.
  private func bounds(_ partial: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> { partial + resultWidth }

  /// Where its weights stand, [query][position].
  private func weights(_ partial: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
    bounds(partial) + 16
  }

  /// The sketch that an item reads of chunk `chunk`.
  private func sketch(of item: AttentionItem, chunk: Int) -> UnsafeRawPointer? {
    guard chunk < item.tile.sketchedChunks else { return nil }
    return plan.sketches[item.tile.place(of: chunk)].map { UnsafeRawPointer($0.head(item.head, layer: layer)) }
  }
}

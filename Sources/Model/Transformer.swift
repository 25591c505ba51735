// The forward pass, written to be read from top to bottom: embedding, layers of attention and feed-forward
// network, final norm, logits. It takes a batch of rows, each a token at a position of some sequence's cache.
import Compute
import Glibc

/// One row of a batch: a token and where it stands.
public struct BatchRow {
  /// The token's id.
  public let token: Int32
  /// Its place in its sequence's cache.
  public let place: CachePosition

  /// `token` at `position` of the sequence whose cache is `store`; `isGenerated` when it was generated, or drafted,
  /// and is not part of a prompt.
  public init(token: Int32, store: KeyValueStore, position: Int, isGenerated: Bool = false) {
    self.token = token
    place = CachePosition(store: store, position: position, isGenerated: isGenerated)
  }
}

/// A model ready to run: weights, threads, and the working memory of one batch.
public final class Transformer {
  /// The most rows a batch can have.
  public static let batchLimit = 512

  /// The checkpoint it runs.
  public let checkpoint: Checkpoint
  /// The arithmetic.
  public let engine: ComputeEngine
  private let parameters: Hyperparameters
  private let globalAngles: Angles
  private let localAngles: Angles?
  private var memory: WorkingMemory
  private var logitMemory: FloatMatrix

  /// The adapters in use.
  public private(set) var adapters: [LoadedAdapter] = []
  /// Counts the changes of `adapters`: keys and values computed before a change are of no use after it.
  public private(set) var adapterGeneration = 0
  /// What the adapters add in each layer; empty without adapters.
  private var updates: [LayerUpdates] = []

  /// The layers whose rows may read a long past by its sketch.
  private let sketchedLayers: [Int]
  /// The number format of the caches it makes.
  public let cacheFormat: CacheFormat

  /// Prepares `checkpoint` for `threads` threads and caches in `cacheFormat`.
  public init(_ checkpoint: Checkpoint, threads: Int, cacheFormat: CacheFormat = .f16) {
    self.cacheFormat = cacheFormat
    sketchedLayers = checkpoint.sketchedLayers(cacheFormat)
    self.checkpoint = checkpoint
    parameters = checkpoint.parameters
    engine = ComputeEngine(kernels: checkpoint.kernels, threads: threads)
    let rotary = parameters.rotary
    let factors = checkpoint.weights.rotaryFactors
    globalAngles = Angles(rotary.frequencies(factors: factors, isLocal: false))
    localAngles =
      parameters.slidingWindow == nil ? nil : Angles(rotary.frequencies(factors: nil, isLocal: true))
    memory = WorkingMemory(rows: 8, parameters)
    logitMemory = FloatMatrix(rows: 1, width: checkpoint.weights.head.rows)
  }

  /// Uses `adapters` from the next batch on, in place of those before. They are computed beside the base's products,
  /// which stay as they are. Throws, and changes nothing, when one has not the checkpoint's shapes; whether it was
  /// made for this very base is for whoever loads it to ask (`Adapter.check`).
  public func setAdapters(_ adapters: [LoadedAdapter]) throws(AdapterError) {
    for loaded in adapters { try loaded.adapter.check(fits: checkpoint, path: loaded.path, anyBase: true) }
    updates =
      adapters.isEmpty ? [] : LayerUpdates.all(of: checkpoint, adapters)
    self.adapters = adapters
    adapterGeneration += 1
  }

  /// Uses the adapters of another transformer of the same checkpoint.
  public func takeAdapters(of other: Transformer) {
    precondition(other.checkpoint === checkpoint, "the same checkpoint")
    (updates, adapters) = (other.updates, other.adapters)
    adapterGeneration += 1
  }

  /// Gets ready for batches of `ComputeEngine.packedColumns` rows: keeps copies of the weights in a layout for them,
  /// where those take at most `limit` bytes. What comes after is faster and the same to the bit.
  public func packWeights(within limit: Int) {
    let weights = checkpoint.weights
    engine.pack(
      weights.layers.flatMap { layer in Projection.allCases.map { layer[$0] } } + [weights.head], within: limit)
  }

  /// Bytes of KV cache that `positions` positions take, the sketches of a long past included.
  public func cacheBytes(positions: Int) -> Int { checkpoint.cacheBytes(positions: positions, format: cacheFormat) }

  /// An empty cache for one sequence of up to `capacity` positions.
  public func makeStore(capacity: Int) -> KeyValueStore {
    KeyValueStore(
      layers: parameters.layers, heads: parameters.keyValueHeads, headSize: parameters.headSize, capacity: capacity,
      format: cacheFormat)
  }

  /// Runs a batch and returns the logits of the rows `logitRows` asks for, in rows 0 to `logitRows.count` of a matrix
  /// [at least logitRows.count, vocabulary] that holds them until the next call.
  ///
  /// The rows of one sequence stand in the order of their positions, and everything before them is in the cache;
  /// `logitRows` are in ascending order.
  public func forward(_ batch: [BatchRow], logitRows: [Int]) throws(ModelError) -> FloatMatrix {
    precondition(!batch.isEmpty && batch.count <= Transformer.batchLimit, "a batch of rows")
    precondition(zip(logitRows, logitRows.dropFirst()).allSatisfy { $0 < $1 }, "logit rows in ascending order")
    let places = batch.map(\.place)
    for place in places {
      guard place.store.reserve(place.position) else {
        throw .memory(bytes: place.store.bytes(positions: place.position + 1))
      }
    }
    guard engine.sketchPasts(of: places, layers: sketchedLayers) else {
      throw .memory(bytes: cacheBytes(positions: places.reduce(0) { max($0, $1.position) } + 1))
    }
    if memory.rows < batch.count { memory = WorkingMemory(rows: batch.count, parameters) }
    embed(batch)
    var plans = LayerPlans(places, parameters)
    var previous: LayerWeights?
    for (index, layer) in checkpoint.weights.layers.enumerated() {
      let update = updates.isEmpty ? nil : updates[index]
      projectAndStore(layer, after: previous, index: index, plan: plans[index], adding: update)
      if index == parameters.layers - 1 {
        // Nobody looks at the other rows any more.
        guard !logitRows.isEmpty else { return logitMemory }
        if logitRows.count < batch.count { plans = keep(logitRows, of: batch) }
      }
      attend(layer, index: index, plan: plans[index], adding: update)
      feedForward(layer, count: plans[index].rowCount, adding: update)
      previous = layer
    }
    return try logits(count: logitRows.count, after: previous)
  }

  private func embed(_ batch: [BatchRow]) {
    let m = memory
    let scale = parameters.architecture.scalesEmbeddings ? Float(parameters.width).squareRoot() : nil
    engine.eachRow(batch.count) { row in
      engine.decode(checkpoint.weights.embedding, row: Int(batch[row].token), into: m.residual, row: row)
      if let scale { engine.scale(m.residual, by: scale, row: row) }
      globalAngles.set(batch[row].place.position, row: row, of: m.globalAngles)
      localAngles?.set(batch[row].place.position, row: row, of: m.localAngles)
    }
  }

  /// Queries, and the keys and values that go to the cache. `previous` is the layer whose output is still to be added.
  private func projectAndStore(
    _ layer: LayerWeights, after previous: LayerWeights?, index: Int, plan: AttentionPlan, adding update: LayerUpdates?
  ) {
    let m = memory
    // What a row needs of the layers is looked up once: a layer copied for every row counts all its references.
    let (isFirst, outputNorm, norm) = (previous == nil, previous?.feedForwardOutputNorm, layer.attentionNorm)
    engine.multiply(
      [Product(layer.query, into: m.queries), Product(layer.key, into: m.keys), Product(layer.value, into: m.values)],
      input: m.normalized, count: plan.rowCount, adding: update?.attention
    ) { row in
      if !isFirst { addDelta(in: m, norm: outputNorm, row: row) }
      normalize(m.residual, norm, into: m.normalized, row: row)
    }
    let angles = parameters.isLocal(layer: index) ? m.localAngles : m.globalAngles
    let pairing = parameters.architecture.rotaryPairing
    let (queryBias, keyBias, valueBias) = (layer.queryBias, layer.keyBias, layer.valueBias)
    let (queryNorm, keyNorm) = (layer.queryNorm, layer.keyNorm)
    engine.eachRow(plan.rowCount) { row in
      if let queryBias { engine.addBias(queryBias, to: m.queries, row: row) }
      if let keyBias { engine.addBias(keyBias, to: m.keys, row: row) }
      if let valueBias { engine.addBias(valueBias, to: m.values, row: row) }
      if let queryNorm { normalizeHeads(m.queries, queryNorm, row: row) }
      if let keyNorm { normalizeHeads(m.keys, keyNorm, row: row) }
      engine.rotate(m.queries, headSize: parameters.headSize, angles: angles, pairing: pairing, row: row)
      engine.rotate(m.keys, headSize: parameters.headSize, angles: angles, pairing: pairing, row: row)
      engine.store(keys: m.keys, values: m.values, row: row, layer: index, plan: plan)
    }
  }

  /// Moves the rows whose logits are wanted to the front and plans for them.
  private func keep(_ rows: [Int], of batch: [BatchRow]) -> LayerPlans {
    for (target, row) in rows.enumerated() {
      memory.residual.copyRow(row, to: target, of: memory.residual)
      memory.queries.copyRow(row, to: target, of: memory.queries)
    }
    return LayerPlans(rows.map { batch[$0].place }, parameters)
  }

  private func attend(_ layer: LayerWeights, index: Int, plan: AttentionPlan, adding update: LayerUpdates?) {
    let m = memory
    engine.attend(
      queries: m.queries, layer: index, plan: plan, scale: parameters.attentionScale, into: m.attended,
      next: layer.output)
    engine.multiply(
      [Product(layer.output, into: m.delta)], input: m.attended, count: plan.rowCount, adding: update?.output)
  }

  private func feedForward(_ layer: LayerWeights, count: Int, adding update: LayerUpdates?) {
    let (m, activation) = (memory, parameters.architecture.activation)
    let (bias, outputNorm, norm) = (layer.outputBias, layer.attentionOutputNorm, layer.feedForwardNorm)
    engine.multiply(
      [Product(layer.gate, into: m.gate), Product(layer.up, into: m.up)], input: m.normalized, count: count,
      adding: update?.feedForward
    ) { row in
      if let bias { engine.addBias(bias, to: m.delta, row: row) }
      addDelta(in: m, norm: outputNorm, row: row)
      normalize(m.residual, norm, into: m.normalized, row: row)
    }
    engine.multiply([Product(layer.down, into: m.delta)], input: m.gate, count: count, adding: update?.down) { row in
      engine.gate(m.gate, with: m.up, activation: activation, row: row)
    }
  }

  private func addDelta(in memory: WorkingMemory, norm: FloatMatrix?, row: Int) {
    if let norm { normalize(memory.delta, norm, into: memory.delta, row: row) }
    engine.add(memory.delta, to: memory.residual, row: row)
  }

  private func normalizeHeads(_ matrix: FloatMatrix, _ weights: FloatMatrix, row: Int) {
    engine.normalizeHeads(matrix, weights: weights, epsilon: parameters.epsilon, row: row)
  }

  private func normalize(_ input: FloatMatrix, _ weights: FloatMatrix, into output: FloatMatrix, row: Int) {
    engine.normalize(input, weights: weights, epsilon: parameters.epsilon, into: output, row: row)
  }

  private func logits(count: Int, after previous: LayerWeights?) throws(ModelError) -> FloatMatrix {
    let (m, head, norm) = (memory, checkpoint.weights.head, checkpoint.weights.outputNorm)
    let (isFirst, outputNorm) = (previous == nil, previous?.feedForwardOutputNorm)
    if logitMemory.rows < count { logitMemory = FloatMatrix(rows: count, width: head.rows) }
    engine.multiply([Product(head, into: logitMemory)], input: m.normalized, count: count) { row in
      if !isFirst { addDelta(in: m, norm: outputNorm, row: row) }
      normalize(m.residual, norm, into: m.normalized, row: row)
    }
    let areFinite = engine.pool.map(count) { row in m.residual.isFinite(row: row) && logitMemory.isFinite(row: row) }
    guard areFinite.allSatisfy({ $0 }) else { throw checkpoint.explainNotFinite(adapters: adapters.map(\.path)) }
    return logitMemory
  }
}

/// How a batch attends in each layer.
private struct LayerPlans {
  private let global: AttentionPlan
  private let local: AttentionPlan?
  private let parameters: Hyperparameters

  init(_ places: [CachePosition], _ parameters: Hyperparameters) {
    self.parameters = parameters
    let group = parameters.heads / parameters.keyValueHeads
    global = AttentionPlan(places, group: group, window: nil)
    local = parameters.slidingWindow.map { AttentionPlan(places, group: group, window: $0) }
  }

  subscript(layer: Int) -> AttentionPlan { parameters.isLocal(layer: layer) ? local ?? global : global }
}

/// Frequencies of the rotary embedding and the magnitude of its cosines and sines.
package struct Angles {
  let frequencies: [Double]
  let magnitude: Double

  /// What `RotaryParameters.frequencies` gives.
  package init(_ pair: (frequencies: [Double], magnitude: Double)) {
    (frequencies, magnitude) = pair
  }

  /// Sets row `row` of `angles` to those of `position`.
  package func set(_ position: Int, row: Int, of angles: RotaryAngles) {
    let turned = frequencies.map { $0 * Double(position) }
    angles.set(
      row: row, cosines: turned.map { Float(cos($0) * magnitude) }, sines: turned.map { Float(sin($0) * magnitude) })
  }
}

/// The matrices between the products of one batch; a row a token.
private final class WorkingMemory {
  let rows: Int
  let residual: FloatMatrix  // [rows, width]
  let normalized: FloatMatrix  // [rows, width]
  let delta: FloatMatrix  // [rows, width]
  let queries: FloatMatrix  // [rows, heads * headSize]
  let attended: FloatMatrix  // [rows, heads * headSize]
  let keys: FloatMatrix  // [rows, keyValueHeads * headSize]
  let values: FloatMatrix  // [rows, keyValueHeads * headSize]
  let gate: FloatMatrix  // [rows, feedForwardWidth]
  let up: FloatMatrix  // [rows, feedForwardWidth]
  let globalAngles: RotaryAngles
  let localAngles: RotaryAngles

  init(rows: Int, _ p: Hyperparameters) {
    self.rows = rows
    residual = FloatMatrix(rows: rows, width: p.width)
    normalized = FloatMatrix(rows: rows, width: p.width)
    delta = FloatMatrix(rows: rows, width: p.width)
    queries = FloatMatrix(rows: rows, width: p.heads * p.headSize)
    attended = FloatMatrix(rows: rows, width: p.heads * p.headSize)
    keys = FloatMatrix(rows: rows, width: p.keyValueHeads * p.headSize)
    values = FloatMatrix(rows: rows, width: p.keyValueHeads * p.headSize)
    gate = FloatMatrix(rows: rows, width: p.feedForwardWidth)
    up = FloatMatrix(rows: rows, width: p.feedForwardWidth)
    globalAngles = RotaryAngles(rows: rows, size: p.rotary.size)
    localAngles = RotaryAngles(rows: rows, size: p.rotary.size)
  }
}

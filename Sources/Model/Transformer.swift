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

  /// `token` at `position` of the sequence whose cache is `store`.
  public init(token: Int32, store: KeyValueStore, position: Int) {
    self.token = token
    place = CachePosition(store: store, position: position)
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
  /// The adapters in use.
  public private(set) var adapters: [LoadedAdapter] = []
  /// Counts the changes of `adapters`: keys and values computed before a change are of no use after it.
  public private(set) var adapterGeneration = 0
  /// What the adapters add in each layer; empty without adapters.
  private var updates: [LayerUpdates] = []

  /// Prepares `checkpoint` for `threads` threads.
  public init(_ checkpoint: Checkpoint, threads: Int) {
    self.checkpoint = checkpoint
    parameters = checkpoint.parameters
    engine = ComputeEngine(kernels: checkpoint.kernels, threads: threads)
    let rotary = parameters.rotary
    let factors = checkpoint.weights.rotaryFactors
    globalAngles = Angles(rotary.frequencies(factors: factors, isLocal: false))
    localAngles =
      parameters.slidingWindow == nil ? nil : Angles(rotary.frequencies(factors: nil, isLocal: true))
    memory = WorkingMemory(rows: 8, parameters)
  }

  /// Uses `adapters` from the next batch on, in place of those before. They are computed beside the base's products,
  /// which stay as they are. Throws, and changes nothing, when one has not the checkpoint's shapes; whether it was
  /// made for this very base is for whoever loads it to ask (`Adapter.check`).
  public func setAdapters(_ adapters: [LoadedAdapter]) throws(AdapterError) {
    for loaded in adapters { try loaded.adapter.check(fits: checkpoint, path: loaded.path, anyBase: true) }
    updates =
      adapters.isEmpty
      ? [] : checkpoint.weights.layers.indices.map { LayerUpdates(layer: $0, of: checkpoint, adapters) }
    self.adapters = adapters
    adapterGeneration += 1
  }

  /// A cache for one sequence of up to `capacity` positions.
  public func makeStore(capacity: Int) throws(ModelError) -> KeyValueStore {
    let store = KeyValueStore(
      layers: parameters.layers, heads: parameters.keyValueHeads, headSize: parameters.headSize, capacity: capacity)
    guard let store else {
      throw .memory(bytes: 4 * parameters.layers * parameters.keyValueHeads * parameters.headSize * capacity)
    }
    return store
  }

  /// Runs a batch and returns the logits of the rows `logitRows` asks for, [logitRows.count, vocabulary].
  ///
  /// The rows of one sequence stand in the order of their positions, and everything before them is in the cache.
  public func forward(_ batch: [BatchRow], logitRows: [Int]) throws(ModelError) -> FloatMatrix {
    precondition(!batch.isEmpty && batch.count <= Transformer.batchLimit, "a batch of rows")
    let count = batch.count
    if memory.rows < count { memory = WorkingMemory(rows: count, parameters) }
    memory.setAngles(batch, globalAngles, localAngles)
    embed(batch)
    let places = batch.map(\.place)
    for (index, layer) in checkpoint.weights.layers.enumerated() {
      let update = updates.isEmpty ? nil : updates[index]
      attention(layer, index: index, places: places, update: update)
      feedForward(layer, count: count, update: update)
    }
    return try logits(rows: logitRows)
  }

  private func embed(_ batch: [BatchRow]) {
    for (row, entry) in batch.enumerated() {
      engine.decode(checkpoint.weights.embedding, row: Int(entry.token), into: memory.residual, row: row)
    }
    if parameters.architecture.scalesEmbeddings {
      engine.scale(memory.residual, by: Float(parameters.width).squareRoot(), count: batch.count)
    }
  }

  private func attention(_ layer: LayerWeights, index: Int, places: [CachePosition], update: LayerUpdates?) {
    let (m, count) = (memory, places.count)
    let isLocal = parameters.isLocal(layer: index)
    normalize(m.residual, layer.attentionNorm, into: m.normalized, count: count)
    engine.multiply(
      [Product(layer.query, into: m.queries), Product(layer.key, into: m.keys), Product(layer.value, into: m.values)],
      input: m.normalized, count: count, adding: update?.attention)
    for (bias, matrix) in [(layer.queryBias, m.queries), (layer.keyBias, m.keys), (layer.valueBias, m.values)] {
      if let bias { engine.addBias(bias, to: matrix, count: count) }
    }
    if let norm = layer.queryNorm {
      engine.normalizeHeads(m.queries, weights: norm, epsilon: parameters.epsilon, count: count)
    }
    if let norm = layer.keyNorm {
      engine.normalizeHeads(m.keys, weights: norm, epsilon: parameters.epsilon, count: count)
    }
    for matrix in [m.queries, m.keys] {
      engine.rotate(
        matrix, headSize: parameters.headSize, angles: isLocal ? m.localAngles : m.globalAngles,
        pairing: parameters.architecture.rotaryPairing, count: count)
    }
    engine.store(keys: m.keys, values: m.values, layer: index, at: places)
    engine.attend(
      queries: m.queries, layer: index, at: places, scale: parameters.attentionScale,
      window: isLocal ? parameters.slidingWindow : nil, into: m.attended)
    engine.multiply([Product(layer.output, into: m.delta)], input: m.attended, count: count, adding: update?.output)
    if let bias = layer.outputBias { engine.addBias(bias, to: m.delta, count: count) }
    addDelta(norm: layer.attentionOutputNorm, count: count)
  }

  private func feedForward(_ layer: LayerWeights, count: Int, update: LayerUpdates?) {
    let m = memory
    normalize(m.residual, layer.feedForwardNorm, into: m.normalized, count: count)
    engine.multiply(
      [Product(layer.gate, into: m.gate), Product(layer.up, into: m.up)], input: m.normalized, count: count,
      adding: update?.feedForward)
    engine.gate(m.gate, with: m.up, activation: parameters.architecture.activation, count: count)
    engine.multiply([Product(layer.down, into: m.delta)], input: m.gate, count: count, adding: update?.down)
    addDelta(norm: layer.feedForwardOutputNorm, count: count)
  }

  private func addDelta(norm: FloatMatrix?, count: Int) {
    if let norm { normalize(memory.delta, norm, into: memory.delta, count: count) }
    engine.add(memory.delta, to: memory.residual, count: count)
  }

  private func normalize(_ input: FloatMatrix, _ weights: FloatMatrix, into output: FloatMatrix, count: Int) {
    engine.normalize(input, weights: weights, epsilon: parameters.epsilon, count: count, into: output)
  }

  private func logits(rows: [Int]) throws(ModelError) -> FloatMatrix {
    let width = checkpoint.weights.head.rows
    guard !rows.isEmpty else { return FloatMatrix(rows: 1, width: 1) }
    let selected = FloatMatrix(rows: rows.count, width: parameters.width)
    for (target, row) in rows.enumerated() {
      guard memory.residual.isFinite(row: row) else { throw checkpoint.explainNotFinite() }
      selected[row: target] = memory.residual[row: row]
    }
    normalize(selected, checkpoint.weights.outputNorm, into: selected, count: rows.count)
    let logits = FloatMatrix(rows: rows.count, width: width)
    engine.multiply([Product(checkpoint.weights.head, into: logits)], input: selected, count: rows.count)
    for row in rows.indices where !logits.isFinite(row: row) { throw checkpoint.explainNotFinite() }
    return logits
  }
}

/// Frequencies of the rotary embedding and the magnitude of its cosines and sines.
private struct Angles {
  let frequencies: [Double]
  let magnitude: Double

  init(_ pair: (frequencies: [Double], magnitude: Double)) {
    (frequencies, magnitude) = pair
  }

  func set(_ position: Int, row: Int, of angles: RotaryAngles) {
    let turned = frequencies.map { $0 * Double(position) }
    angles.set(
      row: row, cosines: turned.map { Float(cos($0) * magnitude) }, sines: turned.map { Float(sin($0) * magnitude) })
  }
}

/// The matrices between the products of one batch; a row a token.
private struct WorkingMemory {
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

  func setAngles(_ batch: [BatchRow], _ global: Angles, _ local: Angles?) {
    for (row, entry) in batch.enumerated() {
      global.set(entry.place.position, row: row, of: globalAngles)
      local?.set(entry.place.position, row: row, of: localAngles)
    }
  }
}

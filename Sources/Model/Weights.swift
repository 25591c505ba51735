// The model's tensors by what they are for, each checked against the shape the metadata ask for and left where
// it lies in the mapped file. Norms and biases, a few kilobytes, are decoded once.
import Compute
import GGUF

/// One transformer layer's tensors. One object, since a copy of so many would count a reference to each of them.
package final class LayerWeights: Sendable {
  package let attentionNorm: FloatMatrix
  package let query: WeightMatrix
  package let key: WeightMatrix
  package let value: WeightMatrix
  package let output: WeightMatrix
  package let queryBias: FloatMatrix?
  package let keyBias: FloatMatrix?
  package let valueBias: FloatMatrix?
  package let outputBias: FloatMatrix?
  package let queryNorm: FloatMatrix?
  package let keyNorm: FloatMatrix?
  package let attentionOutputNorm: FloatMatrix?
  package let feedForwardNorm: FloatMatrix
  package let gate: WeightMatrix
  package let up: WeightMatrix
  package let down: WeightMatrix
  package let feedForwardOutputNorm: FloatMatrix?

  /// The tensors of layer `index`; throws when one is missing or has another shape.
  init(_ index: Int, _ p: Hyperparameters, from loader: TensorLoader) throws(ModelError) {
    let prefix = "blk.\(index)."
    let queryWidth = p.heads * p.headSize
    let keyWidth = p.keyValueHeads * p.headSize
    let headNorms = p.architecture.normalizesHeads
    let outputNorms = p.architecture.normalizesOutputs
    attentionNorm = try loader.vector(prefix + "attn_norm.weight", count: p.width)
    query = try loader.matrix(prefix + "attn_q.weight", rows: queryWidth, width: p.width)
    key = try loader.matrix(prefix + "attn_k.weight", rows: keyWidth, width: p.width)
    value = try loader.matrix(prefix + "attn_v.weight", rows: keyWidth, width: p.width)
    output = try loader.matrix(prefix + "attn_output.weight", rows: p.width, width: queryWidth)
    queryBias = try loader.optionalVector(prefix + "attn_q.bias", count: queryWidth)
    keyBias = try loader.optionalVector(prefix + "attn_k.bias", count: keyWidth)
    valueBias = try loader.optionalVector(prefix + "attn_v.bias", count: keyWidth)
    outputBias = try loader.optionalVector(prefix + "attn_output.bias", count: p.width)
    queryNorm = headNorms ? try loader.vector(prefix + "attn_q_norm.weight", count: p.headSize) : nil
    keyNorm = headNorms ? try loader.vector(prefix + "attn_k_norm.weight", count: p.headSize) : nil
    attentionOutputNorm = outputNorms ? try loader.vector(prefix + "post_attention_norm.weight", count: p.width) : nil
    feedForwardNorm = try loader.vector(prefix + "ffn_norm.weight", count: p.width)
    gate = try loader.matrix(prefix + "ffn_gate.weight", rows: p.feedForwardWidth, width: p.width)
    up = try loader.matrix(prefix + "ffn_up.weight", rows: p.feedForwardWidth, width: p.width)
    down = try loader.matrix(prefix + "ffn_down.weight", rows: p.width, width: p.feedForwardWidth)
    feedForwardOutputNorm = outputNorms ? try loader.vector(prefix + "post_ffw_norm.weight", count: p.width) : nil
  }
}

/// All tensors of a model.
package struct Weights {
  package let embedding: WeightMatrix
  package let layers: [LayerWeights]
  package let outputNorm: FloatMatrix
  package let head: WeightMatrix
  package let rotaryFactors: [Float]?

  init(_ file: GGUFFile, _ parameters: Hyperparameters, kernels: KernelSet) throws(ModelError) {
    let loader = TensorLoader(file: file, kernels: kernels)
    guard let table = file.tensor(named: "token_embd.weight") else {
      throw .missingTensor(path: loader.path, name: "token_embd.weight")
    }
    let vocabulary = table.shape.count > 1 ? table.shape[1] : 1
    embedding = try loader.matrix("token_embd.weight", rows: vocabulary, width: parameters.width)
    outputNorm = try loader.vector("output_norm.weight", count: parameters.width)
    head =
      file.tensor(named: "output.weight") == nil
      ? embedding : try loader.matrix("output.weight", rows: vocabulary, width: parameters.width)
    rotaryFactors = try loader.optionalVector("rope_freqs.weight", count: parameters.rotary.size / 2)?[row: 0]
    if let factors = rotaryFactors, !factors.allSatisfy({ $0.isFinite && $0 > 0 }) {
      throw .value(
        path: loader.path, key: "rope_freqs.weight", offset: nil, reason: "has a factor that is not positive")
    }
    var layers: [LayerWeights] = []
    for index in 0..<parameters.layers { layers.append(try LayerWeights(index, parameters, from: loader)) }
    self.layers = layers
    try loader.refuseUnused()
  }
}

/// Finds tensors by name and checks their shapes.
final class TensorLoader {
  private let file: GGUFFile
  private let kernels: KernelSet
  private var used: Set<String> = []
  var path: String { file.metadata.path }

  init(file: GGUFFile, kernels: KernelSet) {
    self.file = file
    self.kernels = kernels
  }

  /// Refuses a tensor of the model that nothing has asked for: a model run without a part of it gives wrong answers.
  func refuseUnused() throws(ModelError) {
    for tensor in file.tensors where !used.contains(tensor.name) {
      guard ["blk.", "output", "token_", "rope_"].contains(where: tensor.name.hasPrefix) else { continue }
      throw .unsupported(path: path, feature: "a model with the tensor \(tensor.name.debugDescription)")
    }
  }

  func matrix(_ name: String, rows: Int, width: Int) throws(ModelError) -> WeightMatrix {
    used.insert(name)
    guard let tensor = file.tensor(named: name) else { throw .missingTensor(path: path, name: name) }
    let flat = tensor.shape + Array(repeating: 1, count: max(0, 2 - tensor.shape.count))
    guard flat.prefix(2) == [width, rows], flat.dropFirst(2).allSatisfy({ $0 == 1 }),
      let matrix = WeightMatrix(
        name: name, format: tensor.format, rows: rows, width: width, region: file.region(of: tensor))
    else {
      throw .shape(
        path: path, tensor: name, offset: tensor.entryOffset, found: tensor.shape, expected: [width, rows])
    }
    return matrix
  }

  func vector(_ name: String, count: Int) throws(ModelError) -> FloatMatrix {
    let weight = try matrix(name, rows: 1, width: count)
    let values = FloatMatrix(rows: 1, width: count)
    values[row: 0] = weight.decoded(kernels)
    guard values.isFinite(row: 0) else {
      throw .brokenWeight(path: path, tensor: name, offset: weight.firstBrokenScale(kernels) ?? 0)
    }
    return values
  }

  func optionalVector(_ name: String, count: Int) throws(ModelError) -> FloatMatrix? {
    file.tensor(named: name) == nil ? nil : try vector(name, count: count)
  }
}

// Whether an adapter fits a base, and reading one of either format for it.
import Compute
import Glibc

extension Adapter {
  /// Reads the adapter at `path`: a GGUF file, or a folder of PEFT's, which is taken to be for `base` where it does
  /// not say.
  public init(path: String, base: Base? = nil) throws(AdapterError) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      try self.init(peft: path, base: base)
    } else {
      try self.init(gguf: path)
    }
  }

  /// Checks that the adapter, read from `path`, can be used with `checkpoint`: the family, every tensor's name and
  /// shape, and, unless `anyBase`, that the base it was made for is this very checkpoint. An adapter that does not
  /// say what it was made for is taken when the shapes fit.
  public func check(fits checkpoint: Checkpoint, path: String, anyBase: Bool = false) throws(AdapterError) {
    let architecture = checkpoint.parameters.architecture
    guard base.architecture == architecture else {
      throw .otherArchitecture(
        path: path, found: base.architecture.rawValue, base: checkpoint.path, expected: architecture.rawValue)
    }
    for part in parts {
      let (name, matrix) = (part.target.tensorName, part.matrix)
      guard let weight = checkpoint.weights.projection(part.target) else {
        throw .noSuchTensor(path: path, tensor: name, base: checkpoint.path)
      }
      guard weight.rows == matrix.outputWidth, weight.width == matrix.inputWidth else {
        throw .shape(
          path: path, tensor: name, found: [matrix.outputWidth, matrix.inputWidth], base: checkpoint.path,
          expected: [weight.rows, weight.width])
      }
    }
    guard !anyBase, let fingerprint = base.fingerprint, fingerprint != checkpoint.fingerprint else { return }
    throw .otherBase(
      path: path, theirs: "\((base.name ?? "unnamed").debugDescription) (\(fingerprint.debugDescription))",
      base: checkpoint.path, ours: "\(checkpoint.name.debugDescription) (\"\(checkpoint.fingerprint)\")")
  }
}

extension Weights {
  /// The weight that `target` names, or nil when the model has no such layer.
  package func projection(_ target: AdapterTarget) -> WeightMatrix? {
    layers.indices.contains(target.layer) ? layers[target.layer][target.projection] : nil
  }
}

extension LayerWeights {
  /// One of the seven projections.
  package subscript(_ projection: Projection) -> WeightMatrix {
    switch projection {
    case .query: query
    case .key: key
    case .value: value
    case .output: output
    case .gate: gate
    case .up: up
    case .down: down
    }
  }
}

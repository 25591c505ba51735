// How large an adapter's change is.
import Compute

extension Adapter {
  /// The Frobenius norm of what `part` adds to its weight: |scale * B A|.
  public func norm(of part: Part) -> Double {
    Double(abs(scale(of: part))) * part.matrix.squaredNorm(KernelSet.available[0]).squareRoot()
  }
}

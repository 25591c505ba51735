// swift-tools-version: 6.2
// Modules import only downwards, in the order the targets are listed here, from the executable to the inner loops, and
// name all they import: what is not rebuilt after a change is wrong. docs/architecture.md says what each one owns.
import PackageDescription

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let package = Package(
  name: "hypnos",
  products: [
    .executable(name: "hypnos", targets: ["hypnos"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
  ],
  targets: [
    .executableTarget(
      name: "hypnos",
      dependencies: [
        "Console", "Curation", "Evaluation", "Training", "Generation", "Model", "Text", "Common", "GGUF", "Compute",
        "CSystem", argumentParser,
      ]),
    .target(name: "Console", dependencies: ["Model", "Text", "Common", "CReadline", "CSystem"]),
    .target(
      name: "Curation",
      dependencies: ["Evaluation", "Training", "Generation", "Model", "Text", "Common", crypto]),
    .target(name: "Evaluation", dependencies: ["Generation", "Model", "Text", "Compute", "Common", crypto]),
    .target(name: "Training", dependencies: ["Generation", "Model", "Text", "Compute", "Common", crypto]),
    .target(name: "Generation", dependencies: ["Model", "Text", "Compute", "Common", crypto]),
    .target(name: "Model", dependencies: ["GGUF", "Compute", "Text", "Common", crypto]),
    .target(name: "Text"),
    .target(name: "Common"),
    .target(name: "GGUF", dependencies: ["Compute", "Common"]),
    .target(name: "Compute", dependencies: ["CKernels"]),
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-ffp-contract=off", "-Wno-psabi"])]),
    .target(name: "CSystem"),
    .systemLibrary(
      name: "CReadline", providers: [.apt(["libreadline-dev"])]),

    .testTarget(
      name: "ComputeTests", dependencies: ["Compute", "CKernels"], resources: [.copy("Fixtures")]),
    .testTarget(name: "GGUFTests", dependencies: ["GGUF", "Compute", "Common"]),
    .testTarget(name: "TextTests", dependencies: ["Text"], resources: [.copy("Fixtures")]),
    .testTarget(
      name: "ModelTests", dependencies: ["Model", "GGUF", "Compute"], resources: [.copy("Fixtures")]),
    .target(name: "TestModels", dependencies: ["Model", "GGUF", "Compute"], path: "Tests/TestModels"),
    .testTarget(
      name: "GenerationTests",
      dependencies: ["Generation", "Model", "Text", "GGUF", "Compute", "Common", "TestModels"]),
    .testTarget(
      name: "EvaluationTests", dependencies: ["Evaluation", "Generation", "Model", "Text", "Common", "TestModels"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "CurationTests",
      dependencies: ["Curation", "Evaluation", "Generation", "Text", "Common", "TestModels"]),
    .testTarget(
      name: "TrainingTests", dependencies: ["Training", "Generation", "Model", "Text", "Common", "Compute"],
      resources: [.copy("Fixtures")]),
    .testTarget(name: "ConsoleTests", dependencies: ["Console", "Model", "Text", "Common", "Compute", "CSystem"]),
    .testTarget(name: "ProgramTests", dependencies: ["GGUF"]),
  ],
  swiftLanguageModes: [.v6]
)

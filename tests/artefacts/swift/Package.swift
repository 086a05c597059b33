// swift-tools-version: 6.0
import PackageDescription

// A third-party package. tests/artefacts.sh unpacks the released one next to it.
let package = Package(
    name: "consumer",
    platforms: [.macOS(.v14)],
    dependencies: [.package(path: "PushAuthenticator")],
    targets: [.executableTarget(name: "consumer", dependencies: ["PushAuthenticator"])],
    swiftLanguageModes: [.v6]
)

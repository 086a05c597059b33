// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "PhoneExample",
    platforms: [.macOS(.v14)],
    dependencies: [.package(path: "../../../bindings/swift")],
    targets: [
        .target(name: "PhoneExample", dependencies: [.product(name: "PushAuthenticator", package: "swift")]),
        .executableTarget(name: "phone", dependencies: ["PhoneExample"]),
        .testTarget(name: "PhoneExampleTests", dependencies: ["PhoneExample"]),
    ],
    swiftLanguageModes: [.v6]
)

// swift-tools-version: 6.0
import Foundation
import PackageDescription

// Built by scripts/build-xcframework.sh. Without it, the linker finds the library through its own search path: swift
// build -Xlinker -L<folder of the library>.
let framework = "PushAuthenticatorFFI.xcframework"
let hasFramework = FileManager.default.fileExists(atPath: Context.packageDirectory + "/" + framework)
#if os(Linux)
    // The framework contains nothing for Linux, although it may have been built there.
    let takesFramework = false
#else
    let takesFramework = hasFramework
#endif

let package = Package(
    name: "PushAuthenticator",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "PushAuthenticator", targets: ["PushAuthenticator"])],
    targets: [
        takesFramework
            ? .binaryTarget(name: "PushAuthenticatorFFI", path: framework)
            : .systemLibrary(name: "PushAuthenticatorFFI"),
        .target(
            name: "PushAuthenticator",
            dependencies: ["PushAuthenticatorFFI"],
            path: ".",
            exclude: [
                "README.md", "Tests", "Sources/PushAuthenticatorFFI",
                "generated/PushAuthenticatorFFI.h", "generated/PushAuthenticatorFFI.modulemap",
            ] + (hasFramework ? [framework] : []),
            sources: ["generated", "Sources/PushAuthenticator"],
            resources: [.copy("PrivacyInfo.xcprivacy")]),
        .testTarget(name: "PushAuthenticatorTests", dependencies: ["PushAuthenticator"]),
    ],
    swiftLanguageModes: [.v6]
)

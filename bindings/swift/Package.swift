// swift-tools-version: 6.0
import Foundation
import PackageDescription

// What scripts/build-xcframework.sh makes. Without it the library is found by the linker's own search path:
// swift build -Xlinker -L<folder of the library>.
let framework = "PushAuthenticatorFFI.xcframework"
let hasFramework = FileManager.default.fileExists(atPath: Context.packageDirectory + "/" + framework)
#if os(Linux)
    // Nothing in it is for Linux, where it may have been made all the same.
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

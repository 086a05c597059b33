// swift-tools-version: 6.0
import PackageDescription

// Linux has no XCFrameworks: there, the linker finds the library by its search path (swift build -Xlinker -L<folder of
// the library>).
#if os(Linux)
let library: Target = .systemLibrary(name: "PushAuthenticatorFFI")
#else
let library: Target = .binaryTarget(name: "PushAuthenticatorFFI", BINARY_PLACE)
#endif

let package = Package(
    name: "PushAuthenticator",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "PushAuthenticator", targets: ["PushAuthenticator"])],
    targets: [
        library,
        .target(
            name: "PushAuthenticator",
            dependencies: ["PushAuthenticatorFFI"],
            resources: [.copy("PrivacyInfo.xcprivacy")]),
    ],
    swiftLanguageModes: [.v6]
)

// swift-tools-version: 6.0
import PackageDescription

/// The parts of Apple's frameworks that AuthenticatorDevice uses, for systems that lack them: see README.md.
#if os(Linux)
let stubs = ["Security", "LocalAuthentication", "AVFoundation", "BackgroundTasks", "UserNotifications", "DeviceCheck"]
#else
let stubs: [String] = []
#endif
let stubbed: [Target.Dependency] = stubs.map { .target(name: $0) }

/// libswiftObservation of Swift 6.0 for Linux names a function that none of its libraries define, and that is never
/// called here.
let linker: [LinkerSetting] = [.unsafeFlags(["-Xlinker", "--allow-shlib-undefined"], .when(platforms: [.linux]))]

let package = Package(
    name: "AuthenticatorApp",
    defaultLocalization: "en",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "AuthenticatorApp", targets: ["AuthenticatorModels", "AuthenticatorDevice"])],
    dependencies: [.package(path: "../bindings/swift")],
    targets: [
        .target(name: "AuthenticatorModels", dependencies: [.product(name: "PushAuthenticator", package: "swift")]),
        .target(name: "AuthenticatorDevice", dependencies: ["AuthenticatorModels"] + stubbed),
        .testTarget(name: "AuthenticatorModelsTests", dependencies: ["AuthenticatorModels"], linkerSettings: linker),
        .testTarget(
            name: "AuthenticatorDeviceTests", dependencies: ["AuthenticatorDevice"] + stubbed,
            linkerSettings: linker),
    ] + stubs.map { .target(name: $0, path: "Stubs/\($0)") },
    swiftLanguageModes: [.v6]
)

// Compiles what Xcode puts into the app and its extension, against the stubs where there is no Xcode.
#if os(Linux)
package.targets += [
    .target(name: "UIKit", dependencies: ["AVFoundation"], path: "Stubs/UIKit"),
    .target(name: "SwiftUI", dependencies: ["UIKit"], path: "Stubs/SwiftUI"),
    .executableTarget(
        name: "AppOnLinux", dependencies: ["AuthenticatorDevice", "SwiftUI", "UIKit"] + stubbed, path: "OnLinux/App", linkerSettings: linker),
    .target(name: "NotificationServiceOnLinux", dependencies: ["AuthenticatorDevice"] + stubbed, path: "OnLinux/NotificationService"),
    .testTarget(name: "OnLinuxTests", dependencies: ["AppOnLinux", "NotificationServiceOnLinux"], linkerSettings: linker),
]
#endif


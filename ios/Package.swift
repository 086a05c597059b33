// swift-tools-version: 6.0
import PackageDescription

/// Apple's frameworks as far as AuthenticatorDevice uses them, for systems that have none: see README.md.
#if os(Linux)
let stubs = ["Security", "LocalAuthentication", "AVFoundation", "BackgroundTasks", "UserNotifications", "DeviceCheck"]
#else
let stubs: [String] = []
#endif
let stubbed: [Target.Dependency] = stubs.map { .target(name: $0) }

/// libswiftObservation of Swift 6.0 for Linux names a function that no library of it has, and never calls it here.
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

// What Xcode compiles into the app and into its extension, where there is no Xcode: against the stubs.
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


import AuthenticatorDevice
import AuthenticatorModels
import SwiftUI

@main
struct AuthenticatorApp: App {
    @UIApplicationDelegateAdaptor(AppDelegate.self) private var delegate
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            RootView(app: delegate.app)
                .onOpenURL { delegate.app.open($0.absoluteString) }
                .onChange(of: phase, initial: true) { _, phase in
                    delegate.app.enter(AppModel.Phase(phase))
                    if phase == .background { BackgroundRefresh.schedule() }
                }
        }
    }
}

extension AppModel.Phase {
    fileprivate init(_ phase: ScenePhase) {
        switch phase {
        case .active: self = .front
        case .background: self = .background
        default: self = .inactive
        }
    }
}

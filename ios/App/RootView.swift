import AuthenticatorModels
import SwiftUI

/// What is shown for where the app stands.
struct RootView: View {
    let app: AppModel
    let requestId: OpenedRequest

    var body: some View {
        ZStack {
            switch app.stage {
            case .starting: ProgressView()
            case .waitingForUnlock:
                ContentUnavailableView {
                    Label(LocalizedStringKey(.waitingForUnlock), systemImage: "lock")
                } actions: {
                    Button(.retry) { Task { await app.start() } }
                }
            case .failed(let failure):
                VStack {
                    FailureText(failure: failure)
                    Button(.retry) { Task { await app.start() } }
                }
                .padding()
            case .ready(let services): TabsView(app: app, requestId: requestId, services: services)
            }
            if app.isLocked { LockView(app: app) }
        }
        .task { await app.start() }
    }
}

/// Covers everything until the owner of the device is there; also what the system's list of apps shows.
private struct LockView: View {
    let app: AppModel

    var body: some View {
        ContentUnavailableView {
            Label(LocalizedStringKey(.lockTitle), systemImage: "lock.shield")
        } actions: {
            Button(.lockUnlock) { Task { await app.unlock() } }.buttonStyle(.borderedProminent)
        }
        .frame(maxWidth: .infinity, maxHeight: .infinity)
        .background(Color(.systemBackground))
        .accessibilityAddTraits(.isModal)
        .task { await app.unlock() }
    }
}

private struct TabsView: View {
    let app: AppModel
    let requestId: OpenedRequest
    let services: Services
    @State private var accounts: AccountsModel
    @State private var requests: RequestsModel
    @State private var enrolment: EnrolmentModel
    @Environment(\.scenePhase) private var phase

    init(app: AppModel, requestId: OpenedRequest, services: Services) {
        self.app = app
        self.requestId = requestId
        self.services = services
        _accounts = State(initialValue: AccountsModel(services))
        _requests = State(initialValue: RequestsModel(services))
        _enrolment = State(initialValue: EnrolmentModel(services))
    }

    var body: some View {
        TabView {
            AccountsView(model: accounts, requests: requests, enrolment: enrolment)
                .tabItem { Label(LocalizedStringKey(.accountsTitle), systemImage: "person.badge.key") }
            HistoryView(services: services)
                .tabItem { Label(LocalizedStringKey(.historyTitle), systemImage: "clock") }
            SettingsView(services: services, owner: app.owner)
                .tabItem { Label(LocalizedStringKey(.settingsTitle), systemImage: "gear") }
        }
        .task { await accounts.watch() }
        .task { await requests.watch() }
        .task { await requests.deliver() }
        .task(id: phase) { if phase == .active { await requests.refresh() } }
        .task(id: app.isLocked) { await takeCode() }
        .onChange(of: app.openedCode) { Task { await takeCode() } }
        .onChange(of: requestId.id) { _, id in
            guard let id else { return }
            requestId.id = nil
            Task { await requests.show(id: id) }
        }
        .onChange(of: phase) { if phase != .active { accounts.hideCodes() } }
        .sheet(isPresented: isRequestShown) {
            if let shown = requests.shown { RequestView(model: shown) { requests.dismiss() } }
        }
    }

    private var isRequestShown: Binding<Bool> {
        Binding { requests.shown != nil && !app.isLocked } set: { isShown in
            if !isShown, !app.isLocked { requests.dismiss() }
        }
    }

    private func takeCode() async {
        if let code = app.takeOpenedCode() { await enrolment.read(code) }
    }
}
